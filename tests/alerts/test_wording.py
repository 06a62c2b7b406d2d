"""Durations, subjects and labels in people's words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.labels import BadLabel, check_labels, fingerprint_labels, identify_series
from alerts.wording import summarise, write_firing_subject, write_resolved_subject
from config.lengths import describe_seconds, parse_seconds, write_seconds


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (45, "45 s"),
        (120, "2 min"),
        (150, "2 min 30 s"),
        (630, "10 min"),
        (3900, "1 h 5 min"),
        (259_200, "3 d"),
    ],
)
def test_describe_seconds__any_length__largest_units(seconds: int, words: str) -> None:
    assert describe_seconds(seconds) == words


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("", 0), ("90", 90), ("5m", 300), ("5 min", 300), ("1h 30m", 5400), ("2 days", 172_800), ("1 h, 5 s", 3605)],
)
def test_parse_seconds__as_people_write__seconds(text: str, seconds: int) -> None:
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize("text", ["soon", "5 mins ago", "-5", "1.5 h", "5 fortnights"])
def test_parse_seconds__anything_else__refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="Write it like"):
        parse_seconds(text)


@given(st.integers(0, 10**7))
def test_write_seconds__any_length__read_back_the_same(seconds: int) -> None:
    assert parse_seconds(write_seconds(seconds)) == seconds


def test_subjects__firing_and_resolved__say_it_all() -> None:
    summary = summarise(rule_name="CPU", annotations={"summary": "CPU of erp1\n above 95 %"}, labels={})

    assert write_firing_subject(severity="Critical", summary=summary, hold_seconds=120) == (
        "Critical: CPU of erp1 above 95 % for 2 min"
    )
    assert (
        write_resolved_subject(summary=summary, lasted_seconds=720) == "Resolved after 12 min: CPU of erp1 above 95 %"
    )


def test_summarise__no_summary__rule_and_labels() -> None:
    assert summarise(rule_name="CPU", annotations={}, labels={"host": "a", "cpu": "1"}) == "CPU (cpu=1, host=a)"


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=4))
def test_fingerprint__labels_in_any_order__the_same(labels: dict[str, str]) -> None:
    backwards = dict(reversed(labels.items()))

    assert fingerprint_labels(labels) == fingerprint_labels(backwards)


def test_fingerprint__name_and_value_shifted__different() -> None:
    assert fingerprint_labels({"a": "bc"}) != fingerprint_labels({"ab": "c"})


def test_identify_series__metric_name__left_out() -> None:
    assert identify_series({"__name__": "x", "b": "2", "a": "1"}) == {"a": "1", "b": "2"}


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"1a": "x"}, "can't be a label"),
        ({"__a": "x"}, "can't be a label"),
        ({"severity": "x"}, "set by Postlaunch"),
        ({"a": 1}, "must be text"),
        ({"a": "x" * 501}, "longer than"),
        ({f"a{number}": "x" for number in range(31)}, "30 labels at most"),
    ],
)
def test_check_labels__unusable__refused_in_words(labels: dict[str, object], message: str) -> None:
    with pytest.raises(BadLabel, match=message):
        check_labels(labels)
