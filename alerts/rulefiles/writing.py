"""Rules as a Prometheus rule file. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

import yaml

from alerts.drafts import SEVERITIES
from alerts.rulefiles import mappings
from alerts.rulefiles.durations import write_duration
from alerts.rulefiles.records import FileRule

HEADER = "# Alerting rules of Postlaunch. Annotations that begin with postlaunch_ are for its import.\n"
_FIRST_ANNOTATIONS = ("summary", "description", mappings.RUNBOOK_URL, mappings.RUNBOOK)
# Line breaks that YAML changes inside a block, and tabs, which it takes badly at the beginning of one.
_UNFIT_FOR_BLOCK = frozenset("\t\r\x85\u2028\u2029")
_NO_WRAPPING = 1_000_000

_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Dumper(_DUMPER):
    """Writes texts of several lines as blocks where a block keeps them exactly."""


def write_rule_file(rules: Iterable[FileRule]) -> str:
    """Return a rule file that `promtool check rules` accepts and read_rule_file reads back exactly.

    Groups stand by name, rules by name and severity, those alike in the order given; the same rules make the same text.
    """
    found = sorted(rules, key=lambda rule: (rule.group, rule.name, SEVERITIES.index(rule.severity)))
    groups = [
        {"name": name, "rules": [_describe(rule) for rule in members]}
        for name, members in groupby(found, key=lambda rule: rule.group)
    ]
    text = yaml.dump({"groups": groups}, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_NO_WRAPPING)
    return f"{HEADER}{text}"


def _describe(rule: FileRule) -> dict[str, Any]:
    fields: dict[str, Any] = {"alert": rule.name, "expr": rule.condition}
    if rule.for_seconds:
        fields["for"] = write_duration(rule.for_seconds)
    if rule.keep_firing_for_seconds:
        fields["keep_firing_for"] = write_duration(rule.keep_firing_for_seconds)
    fields["labels"] = {"severity": rule.severity, **dict(sorted(rule.labels.items()))}
    if annotations := _describe_annotations(rule):
        fields["annotations"] = annotations
    return fields


def _describe_annotations(rule: FileRule) -> dict[str, str]:
    named, are_kept = mappings.name_runbook_for_file(rule.annotations)
    first = [name for name in _FIRST_ANNOTATIONS if name in named]
    others = sorted(name for name in named if name not in _FIRST_ANNOTATIONS)
    own = {name: mappings.escape_text(text) for name, text in _list_own_fields(rule, are_kept)}
    return {name: named[name] for name in first + others} | own


def _list_own_fields(rule: FileRule, are_names_kept: bool) -> Iterator[tuple[str, str]]:
    """Yield what Prometheus has no place for, as far as the rule says it."""
    if rule.clear_condition is not None:
        yield mappings.CLEAR_CONDITION, rule.clear_condition
    if rule.no_data_after_seconds is not None:
        yield mappings.NO_DATA_AFTER, write_duration(rule.no_data_after_seconds)
    if rule.channels is not None:
        yield mappings.CHANNELS, mappings.write_names(rule.channels)
    if rule.policy is not None:
        yield mappings.POLICY, rule.policy
    if rule.application is not None:
        yield mappings.APPLICATION, rule.application
    if rule.enabled is not None:
        yield mappings.ENABLED, mappings.write_flag(rule.enabled)
    if rule.owner is not None:
        yield mappings.OWNER, rule.owner
    if rule.origin:
        yield mappings.ORIGIN, rule.origin
    if are_names_kept:
        yield mappings.AS_WRITTEN, mappings.write_flag(True)


def _represent_text(dumper: Any, text: str) -> Any:
    lines = text.split("\n")
    is_block = (
        len(lines) > 1
        and not _UNFIT_FOR_BLOCK & set(text)
        and not text[0].isspace()
        and not any(line != line.rstrip() for line in lines)
    )
    # Always quoted otherwise where it is of several lines: folded plain text is hard to read.
    style = "|" if is_block else '"' if len(lines) > 1 else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)
