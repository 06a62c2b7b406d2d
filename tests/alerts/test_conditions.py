"""Conditions: which can be used, and what is drawn of them."""

from __future__ import annotations

import pytest

from alerts.builtin import BUILTIN_RULES
from alerts.conditions import BadCondition, Comparison, check_condition, split_comparison
from alerts.drafts import RuleDraft, RuleInvalid, check_draft


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("", "Write a condition"),
        ("1 > bool 0", "bare number"),
        ("42", "bare number"),
        ("rate(x[5m]", "unclosed left parenthesis"),
        ("x[5m]", "this is a range vector"),
        ('"text"', "this is a string"),
        ("x > bool 1", "leave it out"),
        ("holt_winters(x[5m], 0.1, 0.1) > 1", "holt_winters"),
    ],
)
def test_check_condition__unusable__refused_in_words(condition: str, message: str) -> None:
    with pytest.raises(BadCondition) as refusal:
        check_condition(condition)

    assert message.lower() in refusal.value.message.lower()


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("x > 5", Comparison("x", ">", 5.0)),
        ("(x <= -0.5)", Comparison("x", "<=", -0.5)),
        ("5 < x", Comparison("x", ">", 5.0)),
        ("sum by (a) (rate(x[5m])) >= 1e3", Comparison("sum by (a) (rate(x[5m]))", ">=", 1000.0)),
        ("x > y", None),
        ("x > 1 and y > 2", None),
        ("absent(x)", None),
    ],
)
def test_split_comparison__condition__expression_and_threshold(condition: str, expected: Comparison | None) -> None:
    assert split_comparison(condition) == expected


def test_check_draft__everything_wrong__every_field_named() -> None:
    draft = RuleDraft(
        name=" ",
        condition="x >\n> 1",
        clear_condition="1",
        severity="bad",
        for_seconds=-1,
        keep_firing_for_seconds=10**9,
        labels={"severity": "x"},
        annotations={"summary": "{{ nope }}"},
    )

    with pytest.raises(RuleInvalid) as refusal:
        check_draft(draft)

    assert sorted(refusal.value.errors) == [
        "annotations",
        "clear_condition",
        "condition",
        "for_seconds",
        "keep_firing_for_seconds",
        "labels",
        "name",
        "severity",
    ]
    assert refusal.value.errors["annotations"].endswith("(at character 4)")


@pytest.mark.parametrize("rule", BUILTIN_RULES, ids=lambda rule: rule.key)
def test_builtin_rule__as_shipped__can_be_saved(rule: object) -> None:
    shipped = rule.shipped()  # type: ignore[attr-defined]

    check_draft(RuleDraft(**shipped))
