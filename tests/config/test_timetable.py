"""When a task runs, in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.timetable import CronLine, Every, parse_when, write_when


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("every 15 s", Every(15)),
        ("  Every  5 min ", Every(300)),
        ("every 2h", Every(7200)),
        ("every 1 d", Every(86_400)),
        ("cron 0 3 * * *", CronLine("0", "3", "*", "*")),
        ("cron */10 8-17 * 1-5", CronLine("*/10", "8-17", "*", "1-5")),
    ],
)
def test_parse_when__known_form__is_understood(text: str, when: Every | CronLine) -> None:
    assert parse_when(text) == when


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sometimes",
        "every 0 s",
        "every -1 s",
        "every 5 weeks",
        "cron 0 3",
        "cron 0 3 * 1 *",
        "cron a b * * *",
        "every 999999999 d",
    ],
)
def test_parse_when__anything_else__is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="every 30 s"):
        parse_when(text)


@given(st.integers(min_value=1, max_value=366 * 86_400))
def test_write_when__any_distance__is_read_back(seconds: int) -> None:
    assert parse_when(write_when(Every(seconds))) == Every(seconds)


def test_write_when__cron_line__is_read_back() -> None:
    line = CronLine("5", "*/2", "1", "0")

    assert parse_when(write_when(line)) == line
