"""Rule files: read with a line for every error, written so that Prometheus and we read them back."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.builtin import BUILTIN_RULES
from alerts.drafts import MAX_SECONDS
from alerts.rulefiles import (
    MAX_BYTES,
    MAX_RULES,
    FileRule,
    RuleFileInvalid,
    decode_rule_file,
    read_rule_file,
    write_rule_file,
)
from alerts.rulefiles.durations import parse_duration, write_duration

FULL = """\
groups:
- name: node
  interval: 1m
  limit: 10
  rules:
  - alert: HighLoad
    expr: |
      load
        > 1
    for: 1h30m
    keep_firing_for: 5m
    labels: {severity: page, team: erp}
    annotations:
      summary: "Load of {{ $labels.host }}"
      runbook_url: https://wiki.example.com/load
  - record: host:load
    expr: sum by (host) (load)
"""


def errors_of(text: str) -> list[tuple[int, str]]:
    with pytest.raises(RuleFileInvalid) as caught:
        read_rule_file(text)
    return [(error.line, f"{error.where}: {error.message}") for error in caught.value.errors]


def rule_with(lines: str) -> str:
    """A file whose one rule has these lines from line 5 on."""
    indented = "\n".join(f"    {line}" for line in lines.splitlines())
    return f"groups:\n- name: g\n  rules:\n  - alert: A\n{indented}\n"


def test_read__file_of_prometheus__rules_and_what_is_lost() -> None:
    file = read_rule_file(FULL)

    assert file.rules == [
        FileRule(
            group="node",
            name="HighLoad",
            condition="load\n  > 1",
            severity="critical",
            for_seconds=5400,
            keep_firing_for_seconds=300,
            labels={"team": "erp"},
            annotations={"summary": "Load of {{ $labels.host }}", "runbook": "https://wiki.example.com/load"},
        )
    ]
    assert [(warning.line, warning.message.partition(":")[0]) for warning in file.warnings] == [
        (3, "The interval is not kept"),
        (4, "The limit is not kept"),
        (12, "The severity “page” becomes critical."),
        (16, "not imported"),
    ]


def test_read__interval_and_limit_as_ours__no_warning() -> None:
    file = read_rule_file("groups: [{name: g, interval: 15s, limit: 0, rules: []}]")

    assert (file.rules, file.warnings) == ([], ())


@pytest.mark.parametrize(
    ("label", "severity", "warnings"),
    [
        ("severity: info", "info", 0),
        ("severity: critical", "critical", 0),
        ("severity: Critical", "critical", 1),
        ("severity: error", "critical", 1),
        ("severity: none", "info", 1),
        ("severity: purple", "warning", 1),
        ("team: erp", "warning", 0),
    ],
)
def test_read__severity__one_of_ours(label: str, severity: str, warnings: int) -> None:
    file = read_rule_file(rule_with(f"expr: x > 1\nlabels: {{{label}}}"))

    assert (file.rules[0].severity, len(file.warnings)) == (severity, warnings)


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        ("runbook_url: wiki/x", {"runbook": "wiki/x"}),
        ("{runbook_url: u, runbook: r}", {"runbook_url": "u", "runbook": "r"}),
        ('{runbook_url: u, postlaunch_as_written: "true"}', {"runbook_url": "u"}),
    ],
)
def test_read__runbook__ours_unless_there_is_one(annotations: str, expected: dict[str, str]) -> None:
    written = annotations if annotations.startswith("{") else f"{{{annotations}}}"

    assert read_rule_file(rule_with(f"expr: x > 1\nannotations: {written}")).rules[0].annotations == expected


def test_read__aliases__stand_for_what_they_name() -> None:
    text = rule_with("expr: &e x > 1\nlabels: &l {team: erp}") + "  - {alert: B, expr: *e, labels: *l}\n"

    first, second = read_rule_file(text).rules

    assert (second.condition, second.labels) == (first.condition, {"team": "erp"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [(1, "The file is empty")]),
        ("a: b", [(1, "The field “a” is not known"), (1, "There is no “groups”")]),
        ("- a", [(1, "Fields must stand here")]),
        ("groups: 5", [(1, "groups: A list must stand here")]),
        ("groups:\n  - name: [", [(3, "This is not YAML")]),
        ("groups:\n\t- name: x", [(2, "This is not YAML")]),
        ("groups: []\nx: \x01", [(2, "U+0001")]),
        ("groups: []\n---\ngroups: []", [(2, "second document")]),
        ("groups: []\ngroups: []", [(2, "“groups” stands here a second time; the first is in line 1")]),
        ("groups:\n- rules: []", [(2, "The group has no name")]),
        ("groups:\n- name: a\n- name: b\n- name: a", [(4, "The group of line 2 has this name")]),
        ("groups:\n- name: a\n  intervall: 1m", [(3, "Did you mean “interval”?")]),
        ("groups:\n- name: a\n  limit: -1", [(3, "A limit is a whole number")]),
        ("groups: !!python/object:os.system []", [(1, "The tag")]),
        ("groups: [*nothing]", [(1, "“*nothing”")]),
        ("groups: &a [*a]", [(1, "“*a”")]),
        ("groups:\n- ? [a]\n  : b", [(2, "can't be the name of a field")]),
        ('groups:\n- name: "a\\0"', [(2, "U+0000")]),
        ("groups:\n- name: g\n  rules:\n  - expr: x > 1", [(4, "neither “alert” nor “record”")]),
        ("groups:\n- name: g\n  rules:\n  - {alert: A, record: b, expr: x}", [(4, "“alert” and “record”")]),
        (
            "groups:\n- name: g\n  rules:\n  - record: b\n    for: 1m",
            [(4, "no “expr”"), (5, "A recording rule can't have “for”")],
        ),
        (rule_with("for: 1m"), [(4, "The rule has no “expr”")]),
        (rule_with("for: 1m\nexpr: ''"), [(6, "The rule has no “expr”")]),
        (rule_with("expr: x >"), [(5, "group g, alert A, expr: Invalid query")]),
        (rule_with("for: 1m\nexpr: |\n  x >\n  nope(x)"), [(6, "Function nope is not supported. (at line 2, character 1)")]),
        (rule_with("expr: 5"), [(5, "bare number")]),
        (rule_with("expr: [x]"), [(5, "expr: Text must stand here")]),
        (rule_with("expr: x > 1\nfor: 5 minutes"), [(6, "for: “5 minutes” is not a duration")]),
        (rule_with("expr: x > 1\nfor: 31d"), [(6, "30 days")]),
        (rule_with("expr: x > 1\nexpr: x > 2"), [(6, "“expr” stands here a second time")]),
        (rule_with("expr: x > 1\nlabels:\n  a: b\n  1x: c\n  environment: d"), [(8, "“1x”"), (9, "“environment” is set")]),
        (rule_with("expr: x > 1\nlabels:\n  a: [b]"), [(7, "“a” must be text")]),
        (rule_with("expr: x > 1\nlabels:\n  <<: {a: b}"), [(7, "“<<” is not supported")]),
        (rule_with("expr: x > 1\nlabels: [a]"), [(6, "Fields must stand here")]),
        (
            rule_with("expr: x > 1\nannotations:\n  summary: ok\n  a: '{{ query \"x\" }}'\n  b: '{{'"),
            [(8, "There is no function “query”"), (9, "not closed")],
        ),
        (rule_with("expr: x > 1\nannotations:\n  postlaunch_new: x"), [(7, "“postlaunch_new”")]),
        (rule_with("expr: x > 1\nannotations:\n  postlaunch_enabled: maybe"), [(7, "true or false")]),
        (rule_with("expr: x > 1\nannotations:\n  postlaunch_channels: a"), [(7, "write names like")]),
        (rule_with("expr: x > 1\nannotations:\n  postlaunch_channels: '[\"a\", \"\\ud800\"]'"), [(7, "U+D800 can't be kept")]),
        (rule_with("expr: x > 1\nannotations:\n  postlaunch_channels: '[\"a\\u0000\"]'"), [(7, "U+0000 can't be kept")]),
        (rule_with("expr: x > 1\nannotations:\n  postlaunch_clear_condition: x >"), [(7, "Invalid query")]),
        (rule_with("expr: x > 1\nannotations:\n  postlaunch_no_data_after: soon"), [(7, "“soon” is not a duration")]),
        (rule_with("expr: absent(x)\nannotations:\n  postlaunch_no_data_after: 5m"), [(7, "looks for missing data")]),
        (rule_with(f"expr: x > 1\nannotations:\n  postlaunch_origin: {'o' * 400}"), [(7, "longer than 301")]),
        (rule_with("expr: x > 1").replace("alert: A", f"alert: {'A' * 151}"), [(4, "150 characters")]),
    ],
)  # fmt: skip
def test_read__anything_wrong__line_and_reason(text: str, expected: list[tuple[int, str]]) -> None:
    errors = errors_of(text)

    assert [line for line, _ in errors] == [line for line, _ in expected]
    assert all(part in found for (_, found), (_, part) in zip(errors, expected, strict=True)), errors


def test_read__several_things_wrong__all_told() -> None:
    text = rule_with("expr: x >\nfor: soon") + "  - {alert: B, expr: y >, what: 1}\n"

    assert [line for line, _ in errors_of(text)] == [5, 6, 7, 7]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("a: " + "x" * MAX_BYTES, "bytes"),
        ("[" * 500_000, "nested deeper"),
        ("{a: " * 200_000, "nested deeper"),
        ("- " * 500_000, "nested deeper"),
        ("- a\n" * 260_000, "holds too much"),
        ("groups:\n" + "- [,]\n" * 100_000, ""),
        ("\n".join(["a0: &a0 [x, x, x, x, x, x, x, x, x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]), "holds too much"),
        ("groups:\n- name: g\n  rules:\n" + "  - {alert: A, expr: x > 1}\n" * (MAX_RULES + 1), "2,000 rules"),
        ("groups:\n- name: g\n  rules:\n  - &r {alert: A, expr: x > 1}\n" + "  - *r\n" * MAX_RULES, "2,000 rules"),
        ("groups:\n- name: g\n  rules:\n  - alert: A\n    expr: &x " + "a + " * 199 + "x" * 18_000 + " >\n" + "  - {alert: A, expr: *x}\n" * 1900, "holds too much"),
        ("\n".join(f"k{n}: 1" for n in range(50_000)), "more than 1000 errors"),
        (rule_with(f"expr: {'(' * 100_000}"), "longer than"),
        (rule_with(f"expr: x > 1\nfor: {'9' * 100_000}s"), "not a duration"),
    ],
)  # fmt: skip
def test_read__bomb__refused_with_the_reason(text: str, part: str) -> None:
    errors = errors_of(text)

    assert part in errors[-1][1] or part in errors[0][1]


def test_read__largest_file_allowed__read() -> None:
    text = "groups:\n- name: g\n  rules:\n" + "".join(
        f"  - {{alert: A{n}, expr: x{n} > 1, for: 5m, labels: {{severity: info}}}}\n" for n in range(MAX_RULES)
    )

    assert len(read_rule_file(text).rules) == MAX_RULES


@pytest.mark.parametrize("text", ["groups: []", "groups:"])
def test_decode__marked_utf8__read(text: str) -> None:
    assert decode_rule_file(b"\xef\xbb\xbf" + text.encode()) == text


@pytest.mark.parametrize(("data", "line"), [(b"groups:\n\xff", 2), (b"x" * (MAX_BYTES + 1), 1)])
def test_decode__not_a_text_or_too_long__line_and_reason(data: bytes, line: int) -> None:
    with pytest.raises(RuleFileInvalid) as caught:
        decode_rule_file(data)

    assert [error.line for error in caught.value.errors] == [line]


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("0", 0), ("30s", 30_000), ("1h30m", 5_400_000), ("1d", 86_400_000), ("100ms", 100), ("1y2w", 32_745_600_000)],
)
def test_parse_duration__of_prometheus__milliseconds(text: str, milliseconds: int) -> None:
    assert parse_duration(text) == milliseconds


@pytest.mark.parametrize("text", ["", "5", "m", "1m1h", "1.5h", "-1m", "1 h", "٣s", "5M"])
def test_parse_duration__anything_else__refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration(text)


def test_read__parts_of_a_second__rounded_up_with_a_warning() -> None:
    file = read_rule_file(rule_with("expr: x > 1\nfor: 1s100ms"))

    assert file.rules[0].for_seconds == 2
    assert [warning.line for warning in file.warnings] == [6]


@given(st.integers(0, MAX_SECONDS))
def test_duration__written__read_back(seconds: int) -> None:
    assert parse_duration(write_duration(seconds)) == seconds * 1000


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)
NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40).map(str.strip).filter(bool)
LABEL_NAMES = st.from_regex(r"[a-z_][a-zA-Z0-9_]{0,8}", fullmatch=True).filter(
    lambda name: not name.startswith("__") and name not in {"alertname", "severity", "application", "environment"}
)
TEMPLATES = st.one_of(
    TEXTS.filter(lambda text: "{{" not in text),
    st.sampled_from(
        ["{{ $labels.host }}", "a\n  b\n", '{{ printf "%.1f" $value }}', " x: y # z\n\n", "null", "- 1", ""]
    ),
)
CONDITIONS = st.sampled_from(
    ["load > 1", "load\n  > 1\nand on (host) up", 'x{a="{{ b }}", c=~"é|ü"} > 1', "# a remark\nload > 1", "'x' == 1"][
        :4
    ]
)
ANNOTATION_NAMES = st.one_of(st.sampled_from(["summary", "description", "runbook", "runbook_url"]), LABEL_NAMES)
RULES = st.builds(
    FileRule,
    group=NAMES,
    name=NAMES,
    condition=CONDITIONS,
    severity=st.sampled_from(["info", "warning", "critical"]),
    for_seconds=st.integers(0, MAX_SECONDS),
    keep_firing_for_seconds=st.integers(0, MAX_SECONDS),
    labels=st.dictionaries(LABEL_NAMES, TEMPLATES, max_size=4),
    annotations=st.dictionaries(ANNOTATION_NAMES, TEMPLATES | st.just("https://x/y"), max_size=5),
    clear_condition=st.none() | st.just("") | CONDITIONS,
    no_data_after_seconds=st.none() | st.integers(0, MAX_SECONDS),
    channels=st.none() | st.lists(TEXTS, unique=True, max_size=3).map(tuple),
    policy=st.none() | TEXTS,
    application=st.none() | st.from_regex(r"[a-z0-9-]{1,10}", fullmatch=True),
    enabled=st.none() | st.booleans(),
    owner=st.none() | NAMES,
    origin=st.just("") | NAMES,
)


def order(rule: FileRule) -> tuple[str, str, int]:
    return rule.group, rule.name, ["info", "warning", "critical"].index(rule.severity)


@settings(max_examples=100)
@given(st.lists(RULES, max_size=6))
def test_write__any_rules__read_back_as_they_were(rules: list[FileRule]) -> None:
    text = write_rule_file(rules)

    file = read_rule_file(text)

    assert file.rules == sorted(rules, key=order)
    assert file.warnings == ()
    assert write_rule_file(file.rules) == text


def check_with_promtool(directory: Path, texts: list[str]) -> None:
    promtool = shutil.which("promtool")
    assert promtool, "promtool is missing: apt-get install prometheus"
    files: list[Any] = [directory / f"{number}.yml" for number in range(len(texts))]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text)
    result = subprocess.run(
        [promtool, "check", "rules", *map(str, files)], capture_output=True, text=True, check=False, timeout=100
    )
    assert result.returncode == 0, (result.stdout + result.stderr)[:4000]


def test_write__any_rules__accepted_by_prometheus(tmp_path: Path) -> None:
    texts: list[str] = []

    @settings(max_examples=60, database=None)
    @given(st.lists(RULES, max_size=6))
    def collect(rules: list[FileRule]) -> None:
        texts.append(write_rule_file(rules))

    collect()
    check_with_promtool(tmp_path, texts)


def test_write__what_comes_built_in__accepted_by_prometheus(tmp_path: Path) -> None:
    shipped = [one.shipped() for one in BUILTIN_RULES]
    rules = [
        FileRule(
            "postlaunch",
            fields["name"],
            fields["condition"],
            severity=fields["severity"],
            for_seconds=fields["for_seconds"],
            keep_firing_for_seconds=fields["keep_firing_for_seconds"],
            annotations=fields["annotations"],
            clear_condition=fields["clear_condition"] or None,
        )
        for fields in shipped
    ]

    check_with_promtool(tmp_path, [write_rule_file(rules)])
