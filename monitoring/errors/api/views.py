"""REST: issues of the application that the key belongs to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from config.actors import Actor, actor_of_key
from config.api.authentication import KeyGrant
from config.api.errors import BodyInvalid, Conflict, NotFound
from config.api.idempotency import answer_once
from monitoring.errors.api.serializers import (
    AssignInput,
    ErrorEventOutput,
    IssueCommentInput,
    IssueDetailOutput,
    IssueFilter,
    IssueNoteOutput,
    IssueOutput,
    MergeInput,
    MuteInput,
    ResolveInput,
    UnmergeInput,
)
from monitoring.errors.enums import OPEN_STATES, ResolvedIn
from monitoring.errors.events import read_event_id
from monitoring.errors.models import ErrorIssue
from monitoring.errors.querysets import ErrorIssueQuerySet
from monitoring.errors.search import parse_search
from monitoring.errors.selectors import list_events, list_issues, read_document
from monitoring.errors.services.issues import (
    CommentInvalid,
    IssueMerged,
    MuteInvalid,
    ReleaseUnknown,
    add_comment,
    assign_issue,
    mute_issue,
    reopen_issue,
    resolve_issue,
)
from monitoring.errors.services.merging import MergeInvalid, merge_issues, unmerge_issue


class IssueViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[ErrorIssue]):
    """Errors of the key's application, as issues."""

    queryset = ErrorIssue.objects.none()
    serializer_class = IssueOutput
    lookup_value_regex = r"[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[ErrorIssue]:
        """Return the application's issues, narrowed as the query asks."""
        if not isinstance(self.request.auth, KeyGrant):
            return ErrorIssue.objects.none()  # the schema is being written
        issues = list_issues(application_id=self.request.auth.application_id)
        if self.action != "list":
            return issues.prefetch_related("groups", "merged", "transitions", "notes")
        return _narrow(issues, _read(IssueFilter(data=self.request.query_params)))

    def get_serializer_class(self) -> type[Serializer[Any]]:
        """Return the long form for one issue, the short one for many."""
        return IssueOutput if self.action == "list" else IssueDetailOutput

    @extend_schema(summary="The errors of this application", parameters=[IssueFilter])
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List issues, the newest first."""
        return super().list(request, *args, **kwargs)

    @extend_schema(summary="One issue with its history and why it is one")
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return an issue."""
        return super().retrieve(request, *args, **kwargs)

    @extend_schema(summary="Resolve an issue", request=ResolveInput, responses=IssueDetailOutput)
    @action(detail=True, methods=["post"])
    def resolve(self, request: Request, pk: str) -> Response:
        """Note that it is mended; repeating it changes nothing."""
        chosen = _read(ResolveInput(data=request.data))
        resolved_in = ResolvedIn(chosen["resolved_in"])
        return self._act(request, resolve_issue, resolved_in=resolved_in, release=chosen["release"])

    @extend_schema(summary="Mute an issue", request=MuteInput, responses=IssueDetailOutput)
    @action(detail=True, methods=["post"])
    def mute(self, request: Request, pk: str) -> Response:
        """Stop it from asking for attention; it is still counted. Repeating it changes nothing."""
        return self._act(request, mute_issue, **_read(MuteInput(data=request.data)))

    @extend_schema(summary="Open an issue again", request=None, responses=IssueDetailOutput)
    @action(detail=True, methods=["post"])
    def reopen(self, request: Request, pk: str) -> Response:
        """Have a resolved or muted issue wait for somebody; repeating it changes nothing."""
        return self._act(request, reopen_issue)

    @extend_schema(summary="Assign an issue", request=AssignInput, responses=IssueDetailOutput)
    @action(detail=True, methods=["post"])
    def assign(self, request: Request, pk: str) -> Response:
        """Give it to someone of the staff, or to nobody."""
        name = _read(AssignInput(data=request.data))["assignee"]
        return self._act(request, assign_issue, assignee=None if name is None else _find_person(name))

    @extend_schema(summary="Merge other issues into this one", request=MergeInput, responses=IssueDetailOutput)
    @action(detail=True, methods=["post"])
    def merge(self, request: Request, pk: str) -> Response:
        """Make one problem of them: what they counted, and what comes for them from now on, counts here."""
        issue_ids = _read(MergeInput(data=request.data))["issues"]
        issue = self.get_object()
        known = list_issues(application_id=issue.application_id).filter(pk__in=issue_ids).values_list("pk", flat=True)
        if missing := sorted({*issue_ids} - {*known}):
            raise _refuse("issues", MergeInvalid(f"This application has no issue {missing[0]}."))
        try:
            merge_issues(into_id=issue.pk, issue_ids=issue_ids, by=_actor(request))
        except MergeInvalid as error:
            raise Conflict(str(error)) from error
        return Response(IssueDetailOutput(self.get_object()).data)

    @extend_schema(
        summary="Take an issue out of this one, which it was merged into",
        request=UnmergeInput,
        responses=IssueDetailOutput,
    )
    @action(detail=True, methods=["post"])
    def unmerge(self, request: Request, pk: str) -> Response:
        """Give it back what it had and what has happened to it since."""
        issue, wanted = self.get_object(), _read(UnmergeInput(data=request.data))["issue"]
        if not issue.merged.filter(pk=wanted).exists():
            raise _refuse("issue", MergeInvalid("It is not merged into this issue."))
        unmerge_issue(issue_id=wanted, by=_actor(request))
        return Response(IssueDetailOutput(self.get_object()).data)

    @extend_schema(
        summary="Comment on an issue", request=IssueCommentInput, responses={201: OpenApiResponse(IssueNoteOutput)}
    )
    @action(detail=True, methods=["post"])
    def comments(self, request: Request, pk: str) -> Response:
        """Add a comment."""
        return answer_once(request, lambda: self._comment(request))

    @extend_schema(summary="The events of an issue that are kept", responses=ErrorEventOutput(many=True))
    @action(detail=True, methods=["get"], filter_backends=[])
    def events(self, request: Request, pk: str) -> Response:
        """List events, the newest first."""
        events: Any = list_events(issue_id=self.get_object().pk)
        page: Any = self.paginate_queryset(events)
        return self.get_paginated_response(ErrorEventOutput(page, many=True).data)

    @extend_schema(summary="One event, whole", responses=OpenApiTypes.OBJECT)
    @action(detail=True, methods=["get"], url_path="events/(?P<event_id>[0-9a-fA-F-]{32,36})", filter_backends=[])
    def event(self, request: Request, pk: str, event_id: str) -> Response:
        """Return what the client sent, without secrets."""
        wanted = read_event_id(event_id)
        found = list_events(issue_id=self.get_object().pk).filter(event_id=wanted).first() if wanted else None
        if found is None:
            raise NotFound
        return Response(read_document(found))

    def _comment(self, request: Request) -> Response:
        issue = self.get_object()
        text = _read(IssueCommentInput(data=request.data))["text"]
        try:
            note = add_comment(issue_id=issue.pk, text=text, by=_actor(request))
        except CommentInvalid as error:
            raise _refuse("text", error) from error
        return Response(IssueNoteOutput(note).data, status=status.HTTP_201_CREATED)

    def _act(self, request: Request, act: Callable[..., bool], **details: Any) -> Response:
        issue = self.get_object()
        try:
            act(issue_id=issue.pk, by=_actor(request), **details)
        except IssueMerged as error:
            raise Conflict(str(error)) from error
        except MuteInvalid as error:
            raise _refuse("until", error) from error
        except ReleaseUnknown as error:
            raise _refuse("release", error) from error
        return Response(IssueDetailOutput(self.get_object()).data)


def _narrow(issues: ErrorIssueQuerySet, chosen: dict[str, Any]) -> ErrorIssueQuerySet:
    if chosen.get("state") == "open":
        issues = issues.filter(state__in=OPEN_STATES)
    elif chosen.get("state"):
        issues = issues.filter(state=chosen["state"])
    if chosen.get("level"):
        issues = issues.filter(level=chosen["level"])
    search = parse_search(chosen.get("search", ""))
    asked = {name: chosen[name] for name in ("release", "environment", "user") if chosen.get(name)}
    return issues.having(replace(search, **asked)).saying(search.words)


def _find_person(name: str) -> Any:
    person = get_user_model().objects.filter(username=name, is_active=True, is_staff=True).first()
    if person is None:
        errors = [{"field": "assignee", "detail": "Nobody of the staff has this name."}]
        raise BodyInvalid("See errors for each field.", errors=errors)
    return person


def _read(serializer: Serializer[Any]) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    data: dict[str, Any] = dict(serializer.validated_data)
    return data


def _actor(request: Request) -> Actor:
    if not isinstance(request.auth, KeyGrant):
        raise NotFound
    return actor_of_key(request.auth)


def _refuse(field: str, error: Exception) -> BodyInvalid:
    return BodyInvalid("See errors for each field.", errors=[{"field": field, "detail": str(error)}])
