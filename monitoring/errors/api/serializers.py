"""What REST shows of issues, and what it takes."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from monitoring.errors.critical import PatternInvalid, check_pattern
from monitoring.errors.enums import IssueState, Level, NoteKind, PatternKind, PatternPlace, ResolvedIn
from monitoring.errors.models import CriticalPattern, ErrorEvent, ErrorGroup, ErrorIssue, IssueNote, IssueTransition
from monitoring.errors.services.issues import MAX_COMMENT_LENGTH, MAX_MUTED_EVENTS

MAX_MERGED = 100
"""Issues that one request can merge."""

#: What can be asked for: merged issues are not listed.
SHOWN_STATES = [(state.value, state.label) for state in IssueState if state is not IssueState.MERGED]


class IssueOutput(serializers.ModelSerializer[ErrorIssue]):
    """An issue: all events that look like the same problem."""

    assignee = serializers.SlugRelatedField[Any](slug_field="username", read_only=True)
    first_release = serializers.CharField(source="first_release.version", read_only=True, allow_null=True, default=None)
    resolved_release = serializers.CharField(
        source="resolved_release.version", read_only=True, allow_null=True, default=None
    )
    last_release = serializers.CharField(source="last_release.version", read_only=True, allow_null=True, default=None)
    environments = serializers.ListField(child=serializers.CharField(), read_only=True)
    critical_pattern = serializers.CharField(
        source="critical_pattern.name", read_only=True, allow_null=True, default=None
    )

    class Meta:
        model = ErrorIssue
        fields = [
            "id",
            "title",
            "culprit",
            "type",
            "level",
            "platform",
            "handled",
            "state",
            "first_seen",
            "last_seen",
            "event_count",
            "user_count",
            "first_release",
            "last_release",
            "environments",
            "assignee",
            "resolved_at",
            "resolved_in",
            "muted_until",
            "muted_until_count",
            "muted_until_users",
            "resolved_release",
            "critical_pattern",
            "critical_count",
            "critical_at",
        ]
        read_only_fields = fields


class IssueTransitionOutput(serializers.ModelSerializer[IssueTransition]):
    """One change of an issue's state. `by` empty: an event or the clock did it."""

    by = serializers.CharField(source="by_name", read_only=True)

    class Meta:
        model = IssueTransition
        fields = ["id", "from_state", "to_state", "at", "by", "reason"]
        read_only_fields = fields


class IssueNoteOutput(serializers.ModelSerializer[IssueNote]):
    """What someone said about an issue or did with it."""

    author = serializers.CharField(source="author_name", read_only=True)
    kind = serializers.ChoiceField(choices=NoteKind.choices, read_only=True)

    class Meta:
        model = IssueNote
        fields = ["id", "kind", "author", "text", "created_at"]
        read_only_fields = fields


class GroupOutput(serializers.ModelSerializer[ErrorGroup]):
    """Why events are together: what decided, and the parts they have in common."""

    parts = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = ErrorGroup
        fields = ["id", "algorithm", "kind", "parts", "event_count", "first_seen", "last_seen"]
        read_only_fields = fields


class MergedIssueOutput(serializers.ModelSerializer[ErrorIssue]):
    """An issue that was merged into another; `unmerge/` takes it out again."""

    class Meta:
        model = ErrorIssue
        fields = ["id", "title"]
        read_only_fields = fields


class IssueDetailOutput(IssueOutput):
    """An issue with its history and the reasons for its grouping."""

    groups = GroupOutput(many=True, read_only=True)
    transitions = IssueTransitionOutput(many=True, read_only=True)
    notes = IssueNoteOutput(many=True, read_only=True)
    merged = MergedIssueOutput(many=True, read_only=True)

    class Meta(IssueOutput.Meta):
        fields = [*IssueOutput.Meta.fields, "groups", "merged", "transitions", "notes"]
        read_only_fields = fields


class IssueFilter(serializers.Serializer[Any]):
    """How the list of issues can be narrowed."""

    state = serializers.ChoiceField(
        choices=[("open", "new, ongoing or regressed"), *SHOWN_STATES], required=False, help_text="State, or `open`."
    )
    level = serializers.ChoiceField(choices=Level.choices, required=False)
    search = serializers.CharField(
        max_length=200,
        required=False,
        help_text="Words of the title, culprit or type; `name:value` for a tag, `release:`, `environment:` or `user:`.",
    )
    release = serializers.CharField(max_length=200, required=False, help_text="An event of it is kept.")
    environment = serializers.CharField(max_length=64, required=False)
    user = serializers.CharField(
        max_length=200, required=False, help_text="Id, e-mail, name or IP address of somebody it happened to."
    )


class ErrorEventOutput(serializers.ModelSerializer[ErrorEvent]):
    """One event that is kept; `events/<event_id>/` has it whole."""

    tags = serializers.DictField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = ErrorEvent
        fields = [
            "event_id",
            "received_at",
            "occurred_at",
            "level",
            "handled",
            "title",
            "release",
            "environment",
            "trace_id",
            "tags",
        ]
        read_only_fields = fields


class ResolveInput(serializers.Serializer[Any]):
    """From when on another event means that it is back."""

    resolved_in = serializers.ChoiceField(choices=ResolvedIn.choices, default=ResolvedIn.NOW.value)
    release = serializers.CharField(
        max_length=200, required=False, allow_null=True, default=None, help_text="With `release`: its version."
    )


class MuteInput(serializers.Serializer[Any]):
    """When the silence ends, whichever comes first; neither: never."""

    until = serializers.DateTimeField(required=False, allow_null=True, default=None)
    for_events = serializers.IntegerField(
        min_value=1, max_value=MAX_MUTED_EVENTS, required=False, allow_null=True, default=None
    )
    for_users = serializers.IntegerField(
        min_value=1, max_value=MAX_MUTED_EVENTS, required=False, allow_null=True, default=None
    )


class MergeInput(serializers.Serializer[Any]):
    """Which issues are the same problem."""

    issues = serializers.ListField(child=serializers.IntegerField(min_value=1), min_length=1, max_length=MAX_MERGED)


class UnmergeInput(serializers.Serializer[Any]):
    """Which of the merged issues is a problem of its own."""

    issue = serializers.IntegerField(min_value=1)


class AssignInput(serializers.Serializer[Any]):
    """Whose it is: a user name of the staff; null: nobody's."""

    assignee = serializers.CharField(max_length=150, allow_null=True)


class IssueCommentInput(serializers.Serializer[Any]):
    """A comment on an issue."""

    text = serializers.CharField(max_length=MAX_COMMENT_LENGTH)


class CriticalPatternOutput(serializers.ModelSerializer[CriticalPattern]):
    """What makes an error critical. `is_own` false: it is one of all applications and changed in the admin."""

    is_own = serializers.BooleanField(source="application_id", read_only=True)

    class Meta:
        model = CriticalPattern
        fields = ["id", "name", "kind", "pattern", "where", "platform", "note", "enabled", "is_own"]
        read_only_fields = fields


class CriticalPatternInput(serializers.Serializer[Any]):
    """A pattern of the key's application."""

    name = serializers.CharField(max_length=100)
    kind = serializers.ChoiceField(choices=PatternKind.choices)
    pattern = serializers.CharField(
        max_length=1000, help_text="An expression (RE2), class names separated by commas, or a level."
    )
    where = serializers.ChoiceField(choices=PatternPlace.choices, default=PatternPlace.ANY.value)
    platform = serializers.CharField(max_length=30, allow_blank=True, default="")
    note = serializers.CharField(max_length=1000, allow_blank=True, default="")
    enabled = serializers.BooleanField(default=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Check the pattern by its kind."""
        try:
            attrs["pattern"] = check_pattern(kind=attrs["kind"], pattern=attrs["pattern"])
        except PatternInvalid as error:
            raise serializers.ValidationError({"pattern": str(error)}) from error
        return attrs
