"""From the text of a rule file to its rules, or to everything that is wrong with it. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from alerts.drafts import (
    MAX_NAME,
    SEVERITIES,
    judge_annotations,
    judge_condition,
    judge_labels,
    judge_name,
    judge_no_data_after,
    judge_seconds,
)
from alerts.rulefiles import mappings
from alerts.rulefiles.durations import parse_duration
from alerts.rulefiles.records import (
    MAX_BYTES,
    MAX_ORIGIN,
    MAX_RULES,
    FileError,
    FileGroup,
    FileRule,
    FileWarning,
    RuleFile,
    RuleFileInvalid,
)
from alerts.rulefiles.tree import Fields, Items, Node, Text, YAMLInvalid, read_tree

MAX_ERRORS = 1000
DEFAULT_INTERVAL_SECONDS = 15

_GROUP_FIELDS = ("name", "interval", "limit", "rules")
_RULE_FIELDS = ("alert", "record", "expr", "for", "keep_firing_for", "labels", "annotations")
_ALERT_ONLY = ("for", "keep_firing_for", "annotations")
_SEVERITY = "severity"

Found = TypeVar("Found")


class _TooManyErrors(Exception):
    """Reading goes no further."""


@dataclass(slots=True)
class _Notes:
    """What is said about the file while it is read."""

    interval_seconds: int
    errors: list[FileError] = field(default_factory=list)
    warnings: list[FileWarning] = field(default_factory=list)
    rule_count: int = 0

    def refuse(self, line: int, where: str, message: str) -> None:
        """Note an error."""
        if len(self.errors) >= MAX_ERRORS:
            self.errors.append(
                FileError(line, where, f"There are more than {MAX_ERRORS} errors; the rest was not read.")
            )
            raise _TooManyErrors
        self.errors.append(FileError(line, where, message))

    def warn(self, line: int, where: str, message: str) -> None:
        """Note what is lost or changed."""
        self.warnings.append(FileWarning(line, where, message))


def read_rule_file(text: str, *, interval_seconds: int = DEFAULT_INTERVAL_SECONDS) -> RuleFile:
    """Return the rules of a Prometheus rule file; raise RuleFileInvalid, with all that is wrong, if anything is.

    `interval_seconds` is how often the product evaluates rules: groups that name another interval get a warning. Text that
    is not YAML has one error, because nothing after it can be read. Takes some seconds for the largest files.
    """
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        message = f"The file has {size:,} bytes; at most {MAX_BYTES:,} are read. Split it."
        raise RuleFileInvalid([FileError(1, "", message)])
    try:
        root = read_tree(text)
    except YAMLInvalid as error:
        raise RuleFileInvalid([FileError(error.line, "", error.message)]) from error
    notes = _Notes(interval_seconds)
    groups: tuple[FileGroup, ...] = ()
    with suppress(_TooManyErrors):
        groups = _read_root(root, notes)
    if notes.errors:
        raise RuleFileInvalid(notes.errors)
    return RuleFile(groups, tuple(sorted(notes.warnings, key=lambda warning: warning.line)))


def decode_rule_file(data: bytes) -> str:
    """Return the text of an uploaded file; raise RuleFileInvalid unless it is UTF-8 of at most MAX_BYTES."""
    if len(data) > MAX_BYTES:
        message = f"The file has more than {MAX_BYTES:,} bytes, which is all that is read. Split it."
        raise RuleFileInvalid([FileError(1, "", message)])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise RuleFileInvalid([FileError(line, "", "This is not UTF-8 text. Save the file as UTF-8.")]) from error


def _read_root(root: Node | None, notes: _Notes) -> tuple[FileGroup, ...]:
    if root is None or (isinstance(root, Text) and root.is_null):
        notes.refuse(1, "", "The file is empty. A rule file begins with “groups:”.")
        return ()
    fields = _read_fields(root, ("groups",), "", notes)
    if fields is None:
        return ()
    if "groups" not in fields:
        notes.refuse(root.line, "", "There is no “groups”. A rule file begins with “groups:”.")
        return ()
    lines: dict[str, int] = {}
    groups = []
    for number, node in enumerate(_read_items(fields["groups"], "groups", notes), start=1):
        group = _read_group(node, number, notes)
        if group is None:
            continue
        if group.name in lines:
            message = f"The group of line {lines[group.name]} has this name, too. Rename one of them."
            notes.refuse(group.line, f"group {group.name}", message)
        lines.setdefault(group.name, group.line)
        groups.append(group)
    return tuple(groups)


def _read_group(node: Node, number: int, notes: _Notes) -> FileGroup | None:
    where = f"group {number}"
    fields = _read_fields(node, _GROUP_FIELDS, where, notes)
    if fields is None:
        return None
    name = (_read_text(fields.get("name"), f"{where}, name", notes) or "").strip()
    if not name:
        notes.refuse(node.line, where, "The group has no name.")
    elif len(name) > MAX_NAME:
        notes.refuse(fields["name"].line, where, f"A name can have {MAX_NAME} characters at most.")
        name = name[:MAX_NAME]
    where = f"group {name}" if name else where
    interval = _read_seconds(fields.get("interval"), f"{where}, interval", notes)
    if interval is not None and interval != notes.interval_seconds:
        message = f"The interval is not kept: all rules are evaluated every {notes.interval_seconds} s."
        notes.warn(fields["interval"].line, where, message)
    _read_limit(fields.get("limit"), where, notes)
    rules = []
    for index, rule_node in enumerate(_read_items(fields.get("rules"), f"{where}, rules", notes), start=1):
        notes.rule_count += 1
        if notes.rule_count > MAX_RULES:
            notes.refuse(rule_node.line, where, f"The file has more than {MAX_RULES:,} rules. Split it.")
            raise _TooManyErrors
        rule = _read_rule(rule_node, name, f"{where}, rule {index}", notes)
        if rule is not None:
            rules.append(rule)
    return FileGroup(name, interval, tuple(rules), line=node.line)


def _read_limit(node: Node | None, where: str, notes: _Notes) -> None:
    text = (_read_text(node, f"{where}, limit", notes) or "0").strip()
    if node is None or text.lstrip("0") == "":
        return
    if not (text.isascii() and text.isdecimal()):
        notes.refuse(node.line, f"{where}, limit", "A limit is a whole number.")
    else:
        notes.warn(node.line, where, "The limit is not kept: a rule may return 1,000 series for one application.")


def _read_rule(node: Node, group: str, where: str, notes: _Notes) -> FileRule | None:
    fields = _read_fields(node, _RULE_FIELDS, where, notes)
    if fields is None:
        return None
    if "record" in fields:
        _read_recording_rule(node, fields, where, notes)
        return None
    name = (_read_text(fields.get("alert"), f"{where}, alert", notes) or "").strip()
    if "alert" not in fields:
        notes.refuse(node.line, where, "The rule has neither “alert” nor “record”.")
    elif problem := judge_name(name):
        notes.refuse(fields["alert"].line, f"{where}, alert", problem)
    else:
        where = f"{where.rpartition(', ')[0]}, alert {name}"
    labels, severity = _read_labels(fields.get("labels"), where, notes)
    annotations, own = _read_annotations(fields.get("annotations"), where, notes)
    condition = _read_condition(node, fields.get("expr"), where, notes)
    return FileRule(
        group=group,
        name=name,
        condition=condition,
        severity=severity,
        for_seconds=_read_seconds(fields.get("for"), f"{where}, for", notes) or 0,
        keep_firing_for_seconds=_read_seconds(fields.get("keep_firing_for"), f"{where}, keep_firing_for", notes) or 0,
        labels=labels,
        annotations=annotations,
        clear_condition=_read_own(own, mappings.CLEAR_CONDITION, _read_clear_condition, where, notes),
        no_data_after_seconds=_read_own(
            own, mappings.NO_DATA_AFTER, lambda text: _read_no_data_after(text, condition), where, notes
        ),
        channels=_read_own(own, mappings.CHANNELS, mappings.read_names, where, notes),
        policy=_read_own(own, mappings.POLICY, str, where, notes),
        application=_read_own(own, mappings.APPLICATION, str, where, notes),
        enabled=_read_own(own, mappings.ENABLED, mappings.read_flag, where, notes),
        owner=_read_own(own, mappings.OWNER, str, where, notes),
        origin=_read_own(own, mappings.ORIGIN, _read_origin, where, notes) or "",
        line=node.line,
    )


def _read_recording_rule(node: Node, fields: Mapping[str, Node], where: str, notes: _Notes) -> None:
    name = _read_text(fields["record"], f"{where}, record", notes) or ""
    if "alert" in fields:
        notes.refuse(node.line, where, "The rule has “alert” and “record”. Leave one of them out.")
        return
    for unfit in _ALERT_ONLY:
        if unfit in fields:
            notes.refuse(fields[unfit].line, where, f"A recording rule can't have “{unfit}”.")
    if not (_read_text(fields.get("expr"), f"{where}, expr", notes) or "").strip():
        notes.refuse(node.line, where, "The rule has no “expr”.")
    notes.warn(node.line, f"{where}, record {name.strip()}", "not imported: a recording rule")


def _read_condition(rule: Node, node: Node | None, where: str, notes: _Notes) -> str:
    text = (_read_text(node, f"{where}, expr", notes) or "").strip()
    if node is None or (isinstance(node, Text) and not text):
        notes.refuse((node or rule).line, where, "The rule has no “expr”.")
    elif isinstance(node, Text) and (problem := judge_condition(text)):
        notes.refuse(node.line, f"{where}, expr", problem)
    return text


def _read_labels(node: Node | None, where: str, notes: _Notes) -> tuple[dict[str, str], str]:
    """Return the labels without the severity, and the severity."""
    texts = _read_texts(node, f"{where}, labels", notes)
    severity = _read_severity(texts.pop(_SEVERITY, None), where, notes)
    labels = {name: text.text for name, text in texts.items()}
    wrong = {name: problem for name, text in labels.items() if (problem := judge_labels({name: text}))}
    for name, problem in wrong.items():
        notes.refuse(texts[name].line, f"{where}, labels", problem)
    if node is not None and not wrong and (problem := judge_labels(labels)):
        notes.refuse(node.line, f"{where}, labels", problem)
    return labels, severity


def _read_severity(node: Text | None, where: str, notes: _Notes) -> str:
    written = "" if node is None else node.text
    if written in SEVERITIES:
        return written
    word = written.strip().lower()
    severity = word if word in SEVERITIES else mappings.SEVERITIES.get(word, "warning")
    if node is not None:
        known = "" if word in mappings.SEVERITIES or word in SEVERITIES else " is not known and"
        notes.warn(node.line, where, f"The severity “{written[:40]}”{known} becomes {severity}.")
    return severity


def _read_annotations(node: Node | None, where: str, notes: _Notes) -> tuple[dict[str, str], dict[str, Text]]:
    """Return the annotations under the product's names, and those that hold the product's own fields."""
    texts = _read_texts(node, f"{where}, annotations", notes)
    own = {name: texts.pop(name) for name in list(texts) if name in mappings.OWN_FIELDS}
    annotations = {name: text.text for name, text in texts.items()}
    wrong = {name: problem for name, text in annotations.items() if (problem := judge_annotations({name: text}))}
    for name, problem in wrong.items():
        notes.refuse(texts[name].line, f"{where}, annotations", problem)
    if node is not None and not wrong and (problem := judge_annotations(annotations)):
        notes.refuse(node.line, f"{where}, annotations", problem)
    are_kept = _read_own(own, mappings.AS_WRITTEN, mappings.read_flag, where, notes)
    return (annotations if are_kept else mappings.name_runbook_from_file(annotations)), own


def _read_own(
    own: Mapping[str, Text], name: str, read: Callable[[str], Found], where: str, notes: _Notes
) -> Found | None:
    """Return a field that only the product has, None if the file does not say it."""
    node = own.get(name)
    if node is None:
        return None
    try:
        return read(mappings.unescape_text(node.text))
    except ValueError as error:
        notes.refuse(node.line, f"{where}, annotations", f"{name} can't be read: {error}")
    return None


def _read_clear_condition(text: str) -> str:
    problem = judge_condition(text) if text.strip() else ""
    if problem:
        raise ValueError(problem)
    return text.strip()


def _read_no_data_after(text: str, condition: str) -> int:
    seconds = -(-parse_duration(text) // 1000)
    if problem := judge_no_data_after(seconds, condition):
        raise ValueError(problem)
    return seconds


def _read_origin(text: str) -> str:
    if len(text) > MAX_ORIGIN:
        raise ValueError(f"it is longer than {MAX_ORIGIN} characters.")
    return text


def _read_seconds(node: Node | None, where: str, notes: _Notes) -> int | None:
    text = _read_text(node, where, notes)
    if node is None or text is None:
        return None
    try:
        milliseconds = parse_duration(text)
    except ValueError as error:
        notes.refuse(node.line, where, str(error))
        return None
    seconds = -(-milliseconds // 1000)
    if seconds * 1000 != milliseconds:
        notes.warn(node.line, where, f"“{text.strip()}” is rounded up to {seconds} s: times are whole seconds.")
    if problem := judge_seconds(seconds):
        notes.refuse(node.line, where, problem)
    return seconds


def _read_fields(node: Node, known: tuple[str, ...], where: str, notes: _Notes) -> dict[str, Node] | None:
    """Return the known fields of a mapping by name, without those that are null; None if it is no mapping."""
    found = _read_mapping(node, where, notes)
    if found is None:
        return None
    for name, (line, _) in found.items():
        if name not in known:
            guesses = difflib.get_close_matches(name[:40], known, n=1)
            hint = f"Did you mean “{guesses[0]}”?" if guesses else f"Known are {', '.join(known)}."
            notes.refuse(line, where, f"The field “{name[:80]}” is not known. {hint}")
    values = {name: value for name, (_, value) in found.items() if name in known}
    return {name: value for name, value in values.items() if not (isinstance(value, Text) and value.is_null)}


def _read_texts(node: Node | None, where: str, notes: _Notes) -> dict[str, Text]:
    """Return a mapping of texts; null is an empty one. Lines are those of the names."""
    found = None if node is None else _read_mapping(node, where, notes)
    texts = {}
    for name, (line, value) in (found or {}).items():
        if isinstance(value, Text):
            texts[name] = Text(line, "" if value.is_null else value.text)
        else:
            notes.refuse(line, where, f"“{name[:80]}” must be text.")
    return texts


def _read_mapping(node: Node, where: str, notes: _Notes) -> dict[str, tuple[int, Node]] | None:
    """Return each name with its line and value."""
    if not isinstance(node, Fields):
        notes.refuse(node.line, where, "Fields must stand here, like “name: value”.")
        return None
    found: dict[str, tuple[int, Node]] = {}
    for key, value in node.pairs:
        if key.text in found:
            message = f"“{key.text[:80]}” stands here a second time; the first is in line {found[key.text][0]}."
            notes.refuse(key.line, where, message)
        elif key.text == "<<":
            notes.refuse(key.line, where, "“<<” is not supported: write the fields out.")
        else:
            found[key.text] = key.line, value
    return found


def _read_items(node: Node | None, where: str, notes: _Notes) -> tuple[Node, ...]:
    if node is None:
        return ()
    if not isinstance(node, Items):
        notes.refuse(node.line, where, "A list must stand here; its items begin with “- ”.")
        return ()
    return node.items


def _read_text(node: Node | None, where: str, notes: _Notes) -> str | None:
    if node is None:
        return None
    if not isinstance(node, Text):
        notes.refuse(node.line, where, "Text must stand here.")
        return None
    return node.text
