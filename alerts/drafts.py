"""A rule before it is saved: everything a person decides about it, checked as a whole. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from alerts.annotations import TemplateError, parse_template
from alerts.conditions import BadCondition, check_condition
from alerts.labels import BadLabel, check_labels
from alerts.watched import find_watched

SEVERITIES = ("info", "warning", "critical")
MAX_SECONDS = 30 * 86_400
MAX_NAME = 150
MAX_ANNOTATIONS = 20
#: Annotations that begin so hold in rule files what Prometheus has no place for.
RESERVED_ANNOTATIONS = "postlaunch_"
_ANNOTATION_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


class RuleInvalid(Exception):
    """A rule that can't be saved. `errors` says why, in words, by field."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {message}" for name, message in errors.items()))
        self.errors = dict(errors)


@dataclass(frozen=True, slots=True)
class RuleDraft:
    """What a rule is to be. `application_id` None: all applications. `channel_ids` empty and `policy_id` None: where the routes lead."""

    name: str
    condition: str
    clear_condition: str = ""
    severity: str = "warning"
    for_seconds: int = 0
    keep_firing_for_seconds: int = 0
    no_data_after_seconds: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    channel_ids: tuple[int, ...] = ()
    policy_id: int | None = None
    application_id: int | None = None
    enabled: bool = True
    owner_id: int | None = None


def check_draft(draft: RuleDraft) -> None:
    """Raise RuleInvalid, with all that is wrong, unless the rule can be saved."""
    errors = {name: message for name, message in _find_errors(draft) if message}
    if errors:
        raise RuleInvalid(errors)


def describe_place(text: str, position: int) -> str:
    """Return where an error stands: “at character 12”, or with the line in a text of several."""
    before = text[:position]
    line = before.count("\n") + 1
    column = position - (before.rfind("\n") + 1) + 1
    return f"at character {column}" if "\n" not in text else f"at line {line}, character {column}"


def _find_errors(draft: RuleDraft) -> list[tuple[str, str]]:
    return [
        ("name", judge_name(draft.name)),
        ("condition", judge_condition(draft.condition)),
        ("clear_condition", judge_condition(draft.clear_condition) if draft.clear_condition.strip() else ""),
        ("severity", "" if draft.severity in SEVERITIES else f"Choose one of {', '.join(SEVERITIES)}."),
        ("for_seconds", judge_seconds(draft.for_seconds)),
        ("keep_firing_for_seconds", judge_seconds(draft.keep_firing_for_seconds)),
        ("no_data_after_seconds", judge_no_data_after(draft.no_data_after_seconds, draft.condition)),
        ("labels", judge_labels(draft.labels)),
        ("annotations", judge_annotations(draft.annotations)),
    ]


def judge_name(name: str) -> str:
    """Return what is wrong with a rule's name, empty if nothing is; so do the functions below."""
    if not name.strip():
        return "Give the rule a name."
    return f"A name can have {MAX_NAME} characters at most." if len(name.strip()) > MAX_NAME else ""


def judge_condition(text: str) -> str:
    """Return what is wrong with a condition, and where in it."""
    try:
        check_condition(text)
    except BadCondition as error:
        place = "" if error.position is None else f" ({describe_place(text, error.position)})"
        return error.message + place
    return ""


def judge_seconds(seconds: int) -> str:
    """Return what is wrong with a length of time."""
    return "" if 0 <= seconds <= MAX_SECONDS else f"Choose 0 to {MAX_SECONDS} seconds (30 days)."


def judge_no_data_after(seconds: int, condition: str) -> str:
    """Return what is wrong with the time after which missing data is told of; a condition that is none has its own error."""
    problem = judge_seconds(seconds)
    if problem or not seconds or judge_condition(condition):
        return problem
    try:
        find_watched(condition)
    except BadCondition as error:
        return error.message
    return ""


def judge_labels(labels: Mapping[str, str]) -> str:
    """Return what is wrong with the first bad label: its name, its value or the template in it."""
    try:
        check_labels(labels)
    except BadLabel as error:
        return str(error)
    return _judge_templates(labels)


def judge_annotations(annotations: Mapping[str, object]) -> str:
    """Return what is wrong with the first bad annotation: its name or the template in it."""
    if len(annotations) > MAX_ANNOTATIONS:
        return f"A rule can have {MAX_ANNOTATIONS} annotations at most."
    for name in annotations:
        if _ANNOTATION_NAME.fullmatch(name) is None:
            return f"“{name}” can't be an annotation: use letters, digits and _, and don't begin with a digit."
        if name.startswith(RESERVED_ANNOTATIONS):
            return f"“{name}” can't be an annotation: names that begin with {RESERVED_ANNOTATIONS} are for rule files."
    if wrong := next((name for name, text in annotations.items() if not isinstance(text, str)), None):
        return f"The annotation “{wrong}” must be text."
    return _judge_templates({name: str(text) for name, text in annotations.items()})


def _judge_templates(texts: Mapping[str, str]) -> str:
    for name, text in texts.items():
        try:
            parse_template(text)
        except TemplateError as error:
            return f"{name}: {error.message} ({describe_place(text, error.position)})"
    return ""


def check_webhook_url(url: str) -> str:
    """Return what is wrong with a webhook's URL, empty if nothing is."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        host = None
        parts = None
    if parts is None or parts.scheme not in {"http", "https"} or not host:
        return "Write the whole URL, beginning with https:// or http://."
    if parts.username or parts.password:
        return "Leave user name and password out of the URL; sign calls with a secret instead."
    return ""
