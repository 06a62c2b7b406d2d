"""Flapping: what comes and goes is held, what stays is told, and what stays again and again has to stay longer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.flapping import MAX_STARTS, REST, WINDOW, Episode, Flapping, find_flapping

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def after(minutes: float) -> datetime:
    return NOW + minutes * MINUTE


def repeat(times: int, *, up: float, down: float) -> list[Episode]:
    """Return as many episodes, the last of which goes on."""
    *over, last = [Episode(after(each * (up + down)), after(each * (up + down) + up)) for each in range(times)]
    return [*over, Episode(last.began)]


@pytest.mark.parametrize(
    ("episodes", "minute", "expected"),
    [
        (repeat(1, up=1, down=1), 1, None),
        (repeat(2, up=1, down=1), 3, None),
        (repeat(3, up=1, down=1), 4, Flapping(3, after(14))),
        (repeat(3, up=1, down=1), 13.9, Flapping(3, after(14))),
        (repeat(3, up=1, down=1), 14, None),
        # Ten minutes stayed twice: twenty, then forty.
        (repeat(4, up=12, down=1), 40, Flapping(4, after(39 + 20))),
        (repeat(5, up=25, down=1), 105, Flapping(5, after(104 + 40))),
        # In a slower rhythm, too, although the first beginnings are more than two hours ago by then.
        (
            [Episode(after(55 * each), after(55 * each + 40)) for each in range(4)] + [Episode(after(220))],
            235,
            Flapping(3, after(260)),
        ),
        # Hours apart it does not flap, however long it stays.
        (repeat(3, up=30, down=60), 181, None),
    ],
)
def test_find_flapping__episodes__held_until(episodes: list[Episode], minute: float, expected: Flapping | None) -> None:
    assert find_flapping(episodes, now=after(minute)) == expected


def test_find_flapping__a_day_later__as_if_nothing_had_been() -> None:
    *over, last = repeat(5, up=25, down=1)
    yesterday = [*over, Episode(last.began, last.began + 45 * MINUTE)]
    today = [Episode(after(1600), after(1601)), Episode(after(1602), after(1603)), Episode(after(1604))]
    assert find_flapping([*yesterday, *today], now=after(1605)) == Flapping(3, after(1614))


@given(st.lists(st.integers(1, 9), min_size=MAX_STARTS, max_size=60), st.randoms(use_true_random=False))
def test_find_flapping__flutter_of_any_rhythm__an_outage_after_it_is_told_after_rest(
    ups: list[int], random: Random
) -> None:
    at, episodes = 0.0, []
    for up in ups:
        episodes.append(Episode(after(at), after(at + up)))
        at += up + 1
    began = after(at)
    random.shuffle(episodes)
    everything = [*episodes, Episode(began)]
    recent = sum(began - WINDOW < each.began for each in everything)
    expected = Flapping(recent, began + REST) if recent >= MAX_STARTS else None
    assert find_flapping(everything, now=began) == expected
    assert find_flapping(everything, now=began + REST) is None
