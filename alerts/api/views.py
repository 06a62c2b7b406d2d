"""REST: rules and alerts of the application that the key belongs to."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from alerts.api.rulefiles import RuleFileMixin
from alerts.api.serializers import (
    AlertDetailOutput,
    AlertFilter,
    AlertOutput,
    CommentInput,
    CommentOutput,
    RuleFilter,
    RuleInput,
    RuleOutput,
    SnoozeInput,
    draft_of_input,
)
from alerts.drafts import RuleInvalid
from alerts.models import Alert, Rule
from alerts.selectors import list_alerts, list_rules
from alerts.services.alerts import (
    AlertOver,
    CommentInvalid,
    acknowledge_alert,
    add_comment,
    snooze_alert,
    unacknowledge_alert,
    unsnooze_alert,
)
from alerts.services.rules import BuiltinRule, create_rule, delete_rule, draft_of, update_rule
from config.actors import Actor, actor_of_key
from config.api.authentication import KeyGrant
from config.api.errors import BodyInvalid, Conflict
from config.api.errors import NotFound as NothingHere
from config.api.idempotency import answer_once

#: What a body may name of a rule, by the same name in a draft.
RULE_FIELDS = (
    "name",
    "condition",
    "clear_condition",
    "severity",
    "for_seconds",
    "keep_firing_for_seconds",
    "no_data_after_seconds",
    "labels",
    "annotations",
    "enabled",
)


class RuleViewSet(RuleFileMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Rule]):
    """Rules: those of the key's application can be changed; those of all applications can be read."""

    queryset = Rule.objects.none()
    serializer_class = RuleOutput
    lookup_value_regex = r"[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[Rule]:
        """Return the rules that judge the key's application."""
        if not isinstance(self.request.auth, KeyGrant):
            return Rule.objects.none()  # the schema is being written
        rules = list_rules(application_id=self.request.auth.application_id)
        if self.action != "list":
            return rules
        chosen = _read(RuleFilter(data=self.request.query_params))
        if chosen.get("severity"):
            rules = rules.filter(severity=chosen["severity"])
        return rules if chosen["enabled"] is None else rules.filter(enabled=chosen["enabled"])

    @extend_schema(summary="The rules that judge this application", parameters=[RuleFilter])
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List rules, the newest first."""
        return super().list(request, *args, **kwargs)

    @extend_schema(summary="One rule")
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return a rule."""
        return super().retrieve(request, *args, **kwargs)

    @extend_schema(summary="Make a rule", request=RuleInput, responses={201: RuleOutput})
    def create(self, request: Request) -> Response:
        """Make a rule of the key's application; refused as a whole if anything about it is wrong."""
        return answer_once(request, lambda: self._create(request))

    @extend_schema(summary="Change a rule", request=RuleInput, responses=RuleOutput)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change what the body names; the rest stays."""
        rule = self._own(pk)
        before = draft_of(rule)
        known = {name: getattr(before, name) for name in RULE_FIELDS}
        known |= {
            "channels": list(before.channel_ids),
            "policy": before.policy_id,
            "owner": rule.owner.get_username() if rule.owner else None,
        }
        body = RuleInput(data={**known, **_mapping(request.data)})
        try:
            draft = draft_of_input(_read(body), application_id=_grant(request).application_id)
            update_rule(rule=rule, draft=draft, by=_actor(request))
        except RuleInvalid as error:
            raise _refuse(error) from error
        return Response(RuleOutput(self.get_object()).data)

    @extend_schema(summary="Delete a rule", responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a rule; its open alerts end, and whoever was told of them is told so."""
        try:
            delete_rule(rule=self._own(pk), by=_actor(request))
        except BuiltinRule as error:
            raise Conflict(str(error)) from error
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _create(self, request: Request) -> Response:
        body = RuleInput(data=request.data)
        try:
            draft = draft_of_input(_read(body), application_id=_grant(request).application_id)
            rule = create_rule(draft=draft)
        except RuleInvalid as error:
            raise _refuse(error) from error
        return Response(RuleOutput(self.get_queryset().get(pk=rule.pk)).data, status=status.HTTP_201_CREATED)

    def _own(self, pk: str) -> Rule:
        """Return a rule of the key's own application; raise NotFound or Conflict."""
        rule: Rule = self.get_object()
        if rule.application_id is None:
            raise Conflict("This rule judges all applications, so it is changed in the admin.")
        return rule


class AlertViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Alert]):
    """Alerts of the key's application."""

    queryset = Alert.objects.none()
    serializer_class = AlertOutput
    lookup_value_regex = r"[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[Alert]:
        """Return the application's alerts, narrowed as the query asks."""
        if not isinstance(self.request.auth, KeyGrant):
            return Alert.objects.none()  # the schema is being written
        alerts = list_alerts(application_id=self.request.auth.application_id)
        return self._narrow(alerts) if self.action == "list" else alerts

    def get_serializer_class(self) -> type[Serializer[Any]]:
        """Return the long form for one alert, the short one for many."""
        return AlertOutput if self.action == "list" else AlertDetailOutput

    @extend_schema(summary="The alerts of this application", parameters=[AlertFilter])
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List alerts, the newest first."""
        return super().list(request, *args, **kwargs)

    @extend_schema(summary="One alert with its story")
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return an alert with its transitions and comments."""
        return super().retrieve(request, *args, **kwargs)

    @extend_schema(summary="Acknowledge an alert", request=None, responses=AlertDetailOutput)
    @action(detail=True, methods=["post"])
    def acknowledge(self, request: Request, pk: str) -> Response:
        """Note that someone looks after it; repeating it changes nothing."""
        return self._act(request, acknowledge_alert)

    @extend_schema(summary="Take an acknowledgement back", request=None, responses=AlertDetailOutput)
    @action(detail=True, methods=["post"])
    def unacknowledge(self, request: Request, pk: str) -> Response:
        """Note that nobody looks after it; repeating it changes nothing."""
        return self._act(request, unacknowledge_alert)

    @extend_schema(summary="Snooze an alert", request=SnoozeInput, responses=AlertDetailOutput)
    @action(detail=True, methods=["post"])
    def snooze(self, request: Request, pk: str) -> Response:
        """Hold its messages back for a while; what still fires then is told of like something new. One that is longer stays."""
        until = _read(SnoozeInput(data=request.data))["until"]
        return self._act(request, partial(snooze_alert, until=until))

    @extend_schema(summary="End a snooze", request=None, responses=AlertDetailOutput)
    @action(detail=True, methods=["post"])
    def unsnooze(self, request: Request, pk: str) -> Response:
        """End a snooze before its time; repeating it changes nothing."""
        return self._act(request, unsnooze_alert)

    @extend_schema(
        summary="Comment on an alert",
        request=CommentInput,
        responses={201: OpenApiResponse(CommentOutput)},
    )
    @action(detail=True, methods=["post"])
    def comments(self, request: Request, pk: str) -> Response:
        """Add a comment, also to an alert that is over."""
        return answer_once(request, lambda: self._comment(request))

    def _comment(self, request: Request) -> Response:
        alert = self.get_object()
        text = _read(CommentInput(data=request.data))["text"]
        try:
            comment = add_comment(alert_id=alert.pk, text=text, by=_actor(request))
        except CommentInvalid as error:
            raise BodyInvalid("See errors for each field.", errors=[{"field": "text", "detail": str(error)}]) from error
        return Response(CommentOutput(comment).data, status=status.HTTP_201_CREATED)

    def _act(self, request: Request, act: Any) -> Response:
        alert = self.get_object()
        try:
            act(alert_id=alert.pk, by=_actor(request))
        except AlertOver as error:
            raise Conflict(str(error)) from error
        return Response(AlertDetailOutput(self.get_object()).data)

    def _narrow(self, alerts: QuerySet[Alert]) -> QuerySet[Alert]:
        chosen = _read(AlertFilter(data=self.request.query_params))
        if chosen.get("state") == "open":
            alerts = alerts.filter(state__in=["pending", "firing"])
        elif chosen.get("state"):
            alerts = alerts.filter(state=chosen["state"])
        if chosen.get("cause"):
            alerts = alerts.filter(cause=chosen["cause"])
        if chosen.get("severity"):
            alerts = alerts.filter(severity=chosen["severity"])
        if chosen.get("rule"):
            alerts = alerts.filter(rule_id=chosen["rule"])
        if chosen.get("source"):
            alerts = alerts.filter(source="" if chosen["source"] == "own" else chosen["source"])
        return (
            alerts
            if chosen["acknowledged"] is None
            else alerts.filter(acknowledged_at__isnull=not chosen["acknowledged"])
        )


def _read(serializer: Serializer[Any]) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    data: dict[str, Any] = dict(serializer.validated_data)
    return data


def _mapping(data: Any) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise BodyInvalid("Send a JSON object.")
    return data


def _grant(request: Request) -> KeyGrant:
    if not isinstance(request.auth, KeyGrant):
        raise NothingHere
    return request.auth


def _actor(request: Request) -> Actor:
    return actor_of_key(_grant(request))


def _refuse(error: RuleInvalid) -> BodyInvalid:
    errors = [{"field": name, "detail": message} for name, message in error.errors.items()]
    return BodyInvalid("See errors for each field.", errors=errors)
