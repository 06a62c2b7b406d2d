"""What an answer has to be like."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.uptime.expectations import Answer, Expectations, check_pattern, find_fault, parse_statuses
from monitoring.uptime.json_path import NothingThere, find_value, is_value, parse_path

BODY = b'{"status": "ok", "checks": {"database": true}, "nodes": [{"name": "a", "load": 3}], "a.b": null}'


def fault(status: int = 200, body: bytes = BODY, **expected: str) -> str:
    """Return what is wrong with an answer."""
    answer = Answer(status, {"content-type": "application/json; charset=utf-8"}, body)
    return find_fault(answer, Expectations(**expected))


@pytest.mark.parametrize(
    ("expected", "words"),
    [
        ({}, ""),
        ({"statuses": "200, 401"}, ""),
        ({"statuses": "401"}, "Answered 200 instead of 401."),
        ({"header_name": "Content-Type", "header_value": "JSON"}, ""),
        ({"header_name": "X-Version"}, "The header X-Version is missing."),
        ({"header_name": "Content-Type", "header_value": "html"}, "The header Content-Type does not contain “html”."),
        ({"body_contains": '"ok"'}, ""),
        ({"body_contains": "fine"}, "The answer does not contain “fine”."),
        ({"body_pattern": r'"load": \d+'}, ""),
        ({"body_pattern": "^x"}, "The answer does not match ^x."),
        ({"json_path": "status", "json_value": "ok"}, ""),
        ({"json_path": "checks.database", "json_value": "true"}, ""),
        ({"json_path": "checks.database", "json_value": "1"}, "checks.database is not 1."),
        ({"json_path": "nodes[0].load", "json_value": "3"}, ""),
        ({"json_path": '["a.b"]', "json_value": "null"}, ""),
        ({"json_path": "nodes[1].load"}, "The answer has nothing at nodes[1].load."),
    ],
)
def test_find_fault__each_expectation__says_the_first_that_fails(expected: dict[str, str], words: str) -> None:
    assert fault(**expected) == words


@pytest.mark.parametrize("body", [b"<html>", b"", b"\xff", b'{"a":', b"[" * 100_000])
def test_find_fault__json_asked_and_not_there__says_so(body: bytes) -> None:
    assert fault(body=body, json_path="a") == "The answer is not JSON."


def test_find_fault__body_cut__says_that_it_read_only_the_first_part() -> None:
    cut = Answer(200, {}, b"abc", is_cut=True)

    assert "in its first part" in find_fault(cut, Expectations(body_contains="d"))
    assert find_fault(cut, Expectations(json_path="a")) == "The answer is too large to be read as JSON."


@pytest.mark.parametrize("text", ["", "abc", "99", "600", "300-200", "200-", "2e2", "²00"])
def test_parse_statuses__not_statuses__refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_statuses(text)


@pytest.mark.parametrize("pattern", ["(", "(?=x)", "x" * 1001])
def test_check_pattern__unusable__refused(pattern: str) -> None:
    with pytest.raises(ValueError):
        check_pattern(pattern)


@pytest.mark.parametrize("text", ["", "a..b", "a[", "a[b]", "a b", 'a["b]', ".", "a[0]b", "x" * 201])
def test_parse_path__unreadable__refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="Write it like"):
        parse_path(text)


@given(st.lists(st.one_of(st.text(max_size=8), st.integers(0, 3)), min_size=1, max_size=6))
def test_path__any_steps_written_out__find_what_lies_there(steps: list[str | int]) -> None:
    document: object = "found"
    for step in reversed(steps):
        document = {step: document} if isinstance(step, str) else [*([None] * step), document]
    text = "".join(f"[{msgspec.json.encode(step).decode()}]" for step in steps)

    if len(text) <= 200:
        assert find_value(document, parse_path(text)) == "found"
        with pytest.raises(NothingThere):
            find_value(document, (*parse_path(text), "more"))


@pytest.mark.parametrize(
    ("value", "written", "same"),
    [
        ("ok", "ok", True),
        ("ok", '"ok"', True),
        (3, "3", True),
        ("3", "3", False),
        ("3", '"3"', True),
        (True, "true", True),
        (True, "1", False),
        (1, "true", False),
        (None, "null", True),
        ([1], "[1]", True),
    ],
)
def test_is_value__as_in_json__plain_words_are_text(value: object, written: str, same: bool) -> None:
    assert is_value(value, written) is same
