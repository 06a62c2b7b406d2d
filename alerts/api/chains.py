"""REST: escalation chains of Grafana OnCall in, for the application that the key belongs to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from alerts.api.bodies import grant_of
from alerts.chains import MAX_BYTES, ChainFileInvalid, Remark, decode_chains
from alerts.models import Policy
from alerts.services.chains import ImportedChains, Outcome, import_chains, preview_chains
from config.api.errors import BodyInvalid
from config.api.idempotency import answer_once


class ChainFileParser(BaseParser):
    """The document as it is, for `curl --data-binary @oncall.json`."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        """Return the decoded body; raise BodyInvalid for what is too long or no JSON."""
        try:
            return decode_chains(stream.read(MAX_BYTES + 1))
        except ChainFileInvalid as error:
            raise _refuse(error) from error


class ChainImportOptions(serializers.Serializer[Any]):
    """How a document is taken in."""

    replace = serializers.BooleanField(
        default=False, help_text="True: policies of the same names, of this application, get the steps of the document."
    )
    dry_run = serializers.BooleanField(default=False, help_text="True: say what would be done, and do nothing.")


class ImportedPolicyOutput(serializers.Serializer[Any]):
    """One chain of the document, with its steps in words."""

    name = serializers.CharField()
    path = serializers.CharField()
    steps = serializers.ListField(child=serializers.CharField())


class ChainWarningOutput(serializers.Serializer[Any]):
    """What is not taken over, or not as it was. `policy` is empty for what is about none of them."""

    path = serializers.CharField()
    policy = serializers.CharField()
    message = serializers.CharField()


class ImportedChainsOutput(serializers.Serializer[Any]):
    """What became of the chains. `kept`: stays as it is here; `refused`: no policy can be made of it."""

    created = ImportedPolicyOutput(many=True)
    changed = ImportedPolicyOutput(many=True)
    unchanged = ImportedPolicyOutput(many=True)
    kept = ImportedPolicyOutput(many=True)
    refused = ImportedPolicyOutput(many=True)
    warnings = ChainWarningOutput(many=True)


class ChainImportMixin(viewsets.GenericViewSet[Policy]):
    """For the viewset of policies: chains in."""

    @extend_schema(
        summary="Take in escalation chains of Grafana OnCall",
        parameters=[ChainImportOptions],
        request={"application/json": OpenApiTypes.OBJECT},
        responses={200: ImportedChainsOutput},
    )
    @action(detail=False, methods=["post"], url_path="import", parser_classes=[ChainFileParser])
    def import_file(self, request: Request) -> Response:
        """Make policies of the key's application, all or none; the same document again changes nothing."""
        options = ChainImportOptions(data=request.query_params)
        options.is_valid(raise_exception=True)
        chosen = options.validated_data
        if chosen["dry_run"]:
            return _take(request, preview_chains, replace=chosen["replace"])
        return answer_once(request, lambda: _take(request, import_chains, replace=chosen["replace"]))


def _take(request: Request, take: Any, *, replace: bool) -> Response:
    try:
        imported = take(document=request.data, application_id=grant_of(request).application_id, replace=replace)
    except ChainFileInvalid as error:
        raise _refuse(error) from error
    return Response(_describe(imported))


def _describe(imported: ImportedChains) -> dict[str, Any]:
    policies = {
        str(outcome): [
            {"name": policy.name, "path": policy.path, "steps": list(policy.steps)}
            for policy in imported.policies
            if policy.outcome is outcome
        ]
        for outcome in Outcome
    }
    own = [warning for policy in imported.policies for warning in _warn(policy.remarks, policy.name)]
    return {**policies, "warnings": [*_warn(imported.remarks, ""), *own]}


def _warn(remarks: Iterable[Remark], policy: str) -> list[dict[str, str]]:
    return [{"path": remark.path, "policy": policy, "message": remark.message} for remark in remarks]


def _refuse(error: ChainFileInvalid) -> BodyInvalid:
    errors = [{"field": one.path, "detail": one.message} for one in error.errors]
    return BodyInvalid("The document is not valid; nothing was changed.", errors=errors)
