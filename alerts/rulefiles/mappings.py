"""What Prometheus and the product call differently: severities, the runbook, and the product's own fields. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping

from alerts.drafts import RESERVED_ANNOTATIONS
from alerts.rulefiles.texts import judge_text

#: Values of the label `severity` in rule files, besides the product's own three. docs/alerts.md has the same table.
SEVERITIES: Mapping[str, str] = {
    "none": "info",
    "low": "info",
    "debug": "info",
    "notice": "info",
    "information": "info",
    "informational": "info",
    "warn": "warning",
    "minor": "warning",
    "medium": "warning",
    "moderate": "warning",
    "ticket": "warning",
    "crit": "critical",
    "error": "critical",
    "page": "critical",
    "high": "critical",
    "major": "critical",
    "severe": "critical",
    "fatal": "critical",
    "alert": "critical",
    "emergency": "critical",
    "disaster": "critical",
}

PREFIX = RESERVED_ANNOTATIONS
CLEAR_CONDITION = f"{PREFIX}clear_condition"
NO_DATA_AFTER = f"{PREFIX}no_data_after"
CHANNELS = f"{PREFIX}channels"
POLICY = f"{PREFIX}policy"
APPLICATION = f"{PREFIX}application"
ENABLED = f"{PREFIX}enabled"
OWNER = f"{PREFIX}owner"
ORIGIN = f"{PREFIX}origin"
#: “true”: `runbook_url` is called so in the product as well.
AS_WRITTEN = f"{PREFIX}as_written"
OWN_FIELDS = (CLEAR_CONDITION, NO_DATA_AFTER, CHANNELS, POLICY, APPLICATION, ENABLED, OWNER, ORIGIN, AS_WRITTEN)

RUNBOOK, RUNBOOK_URL = "runbook", "runbook_url"
_LINKS = ("https://", "http://")
# Annotations are templates to Prometheus, so the braces of a plain text are written as what a template renders to them.
_BRACES, _WRITTEN_BRACES = "{{", '{{"{{"}}'


def name_runbook_for_file(annotations: Mapping[str, str]) -> tuple[dict[str, str], bool]:
    """Return annotations as Prometheus' users name them, and whether their names must be kept when they are read back.

    A runbook that is a link becomes `runbook_url`, one in words stays `runbook`.
    """
    if RUNBOOK_URL in annotations:
        return dict(annotations), RUNBOOK not in annotations
    is_link = annotations.get(RUNBOOK, "").startswith(_LINKS)
    return {RUNBOOK_URL if is_link and name == RUNBOOK else name: text for name, text in annotations.items()}, False


def name_runbook_from_file(annotations: Mapping[str, str]) -> dict[str, str]:
    """Return a file's annotations with `runbook_url` as the runbook, unless there is another."""
    if RUNBOOK in annotations:
        return dict(annotations)
    return {RUNBOOK if name == RUNBOOK_URL else name: text for name, text in annotations.items()}


def escape_text(text: str) -> str:
    """Return a template that renders to a text."""
    return text.replace(_BRACES, _WRITTEN_BRACES)


def unescape_text(template: str) -> str:
    """Return the text that escape_text made a template of."""
    return template.replace(_WRITTEN_BRACES, _BRACES)


def write_names(names: tuple[str, ...]) -> str:
    """Return names as a JSON list: they may contain any character."""
    return json.dumps(list(names), ensure_ascii=False)


def read_names(text: str) -> tuple[str, ...]:
    """Return names of a JSON list, each once; raise ValueError for anything else, and for what its escapes stand for and nobody can keep."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise ValueError('write names like ["Operations", "Night shift"].')
    if problem := next(filter(None, map(judge_text, found)), ""):
        raise ValueError(problem)
    return tuple(dict.fromkeys(found))


def write_flag(flag: bool) -> str:
    """Return “true” or “false”."""
    return "true" if flag else "false"


def read_flag(text: str) -> bool:
    """Return what write_flag wrote; raise ValueError for anything else."""
    if text not in {"true", "false"}:
        raise ValueError("write true or false.")
    return text == "true"
