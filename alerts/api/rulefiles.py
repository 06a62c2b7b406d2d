"""REST: Prometheus rule files in and out, for the application that the key belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from alerts.models import Rule
from alerts.rulefiles import MAX_BYTES, RuleFileInvalid, decode_rule_file
from alerts.services.rulefiles import Imported, export_rule_file, import_rule_file, preview_rule_file
from config.actors import actor_of_key
from config.api.authentication import KeyGrant
from config.api.errors import BodyInvalid, NotFound
from config.api.parsers import JSONParser

MEDIA_TYPE = "application/yaml"


class RuleFileParser(BaseParser):
    """A rule file as it is, for `curl --data-binary @rules.yml`."""

    media_type = MEDIA_TYPE

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        """Return the body as the same file in JSON would be; raise BodyInvalid for what is too long or no text."""
        try:
            return {"text": decode_rule_file(stream.read(MAX_BYTES + 1))}
        except RuleFileInvalid as error:
            raise _refuse(error) from error


class RuleFileRenderer(BaseRenderer):
    """A rule file as it is; errors keep their shape."""

    media_type = MEDIA_TYPE
    format = "yaml"

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        """Return the file's text, or a problem document."""
        if isinstance(data, dict) and set(data) == {"text"}:
            return str(data["text"]).encode()
        return bytes(JSONRenderer().render(data))


class RuleFileInput(serializers.Serializer[Any]):
    """A rule file in JSON."""

    text = serializers.CharField(max_length=MAX_BYTES, allow_blank=True, trim_whitespace=False)


class ImportOptions(serializers.Serializer[Any]):
    """How a rule file is taken in."""

    replace = serializers.BooleanField(default=True, help_text="False: rules that are here already stay as they are.")
    dry_run = serializers.BooleanField(default=False, help_text="True: say what would be done, and do nothing.")


class ImportedRuleOutput(serializers.Serializer[Any]):
    """One rule of the file. `fields` are those that change."""

    name = serializers.CharField()
    severity = serializers.CharField()
    line = serializers.IntegerField()
    fields = serializers.ListField(child=serializers.CharField())  # type: ignore[assignment]  # hides DRF's own, unused


class WarningOutput(serializers.Serializer[Any]):
    """What is not taken over, or as something else."""

    line = serializers.IntegerField()
    where = serializers.CharField()
    message = serializers.CharField()


class ImportedOutput(serializers.Serializer[Any]):
    """What became of the rules of the file."""

    created = ImportedRuleOutput(many=True)
    changed = ImportedRuleOutput(many=True)
    unchanged = ImportedRuleOutput(many=True)
    warnings = WarningOutput(many=True)


class RuleFileMixin(viewsets.GenericViewSet[Rule]):
    """For the viewset of rules: rule files in and out."""

    @extend_schema(
        summary="Take in a Prometheus rule file",
        parameters=[ImportOptions],
        request={"application/json": RuleFileInput, MEDIA_TYPE: OpenApiTypes.OBJECT},
        responses={200: ImportedOutput},
    )
    @action(detail=False, methods=["post"], url_path="import", parser_classes=[JSONParser, RuleFileParser])
    def import_file(self, request: Request) -> Response:
        """Make and change rules of the key's application, all or none; the same file again changes nothing."""
        grant = _grant(request)
        options = ImportOptions(data=request.query_params)
        options.is_valid(raise_exception=True)
        body = RuleFileInput(data=request.data)
        body.is_valid(raise_exception=True)
        chosen = {
            "text": body.validated_data["text"],
            "application_id": grant.application_id,
            "replace": options.validated_data["replace"],
        }
        try:
            if options.validated_data["dry_run"]:
                imported = preview_rule_file(**chosen)
            else:
                imported = import_rule_file(**chosen, by=actor_of_key(grant))
        except RuleFileInvalid as error:
            raise _refuse(error) from error
        return Response(_describe(imported))

    @extend_schema(
        summary="The rules of this application as a Prometheus rule file",
        filters=False,
        responses={(200, MEDIA_TYPE): OpenApiTypes.OBJECT, (200, "application/json"): RuleFileInput},
    )
    @action(
        detail=False,
        methods=["get"],
        url_path="export",
        renderer_classes=[RuleFileRenderer, JSONRenderer],
        pagination_class=None,
    )
    def export_file(self, request: Request) -> Response:
        """Return the key's application's own rules; those of all applications are exported in the admin."""
        rules = Rule.objects.filter(application_id=_grant(request).application_id)
        return Response({"text": export_rule_file(rules)})


def _describe(imported: Imported) -> dict[str, Any]:
    rules = {
        name: [
            {"name": rule.name, "severity": rule.severity, "line": rule.line, "fields": list(rule.fields)}
            for rule in getattr(imported, name)
        ]
        for name in ("created", "changed", "unchanged")
    }
    warnings = [
        {"line": warning.line, "where": warning.where, "message": warning.message} for warning in imported.warnings
    ]
    return {**rules, "warnings": warnings}


def _refuse(error: RuleFileInvalid) -> BodyInvalid:
    errors = [
        {"field": one.where or "text", "detail": f"Line {one.line}: {one.message}", "line": one.line}
        for one in error.errors
    ]
    return BodyInvalid("The rule file is not valid; nothing was changed.", errors=errors)


def _grant(request: Request) -> KeyGrant:
    if not isinstance(request.auth, KeyGrant):
        raise NotFound
    return request.auth
