"""Rate limits by leases: never more than the limit, and all of it for one process alone."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
import time_machine
from hypothesis import given, settings
from hypothesis import strategies as st

from config.api import throttling
from config.api.authentication import KeyGrant
from config.api.errors import RateLimited
from config.api.throttling import WINDOW_SECONDS, check_rate, find_wait, forget_leases

GRANT = KeyGrant(0, 1, "erp", False, frozenset({"ingest"}), (), 600)
_numbers = itertools.count(7_000_000)


def is_let_in(grant: KeyGrant, *, cost: int = 1) -> bool:
    try:
        check_rate(grant, cost=cost)
    except RateLimited:
        return False
    return True


@settings(max_examples=30)
@given(st.integers(1, 1_200))
def test_rate__one_process__lets_in_exactly_the_limit(per_minute: int) -> None:
    grant = replace(GRANT, key_id=next(_numbers), requests_per_minute=per_minute)
    limit = max(1, per_minute * WINDOW_SECONDS // 60)
    with time_machine.travel(1_800_000_000, tick=False):
        assert sum(is_let_in(grant) for _ in range(limit + 20)) == limit


@settings(max_examples=30)
@given(st.integers(60, 1_200), st.lists(st.integers(1, 120), min_size=1, max_size=30), st.integers(1, 4))
def test_rate__several_processes__never_more_than_the_limit(per_minute: int, turns: list[int], cost: int) -> None:
    grant = replace(GRANT, key_id=next(_numbers), requests_per_minute=per_minute)
    limit = per_minute * WINDOW_SECONDS // 60
    let_in = 0
    leases: list[dict[str, throttling._Lease]] = [{}, {}, {}]
    with time_machine.travel(1_800_000_000, tick=False):
        for turn, count in enumerate(turns):
            throttling._leases = leases[turn % 3]
            let_in += cost * sum(is_let_in(grant, cost=cost) for _ in range(count))
    throttling._leases = {}
    assert let_in <= limit


def test_rate__next_window__begins_anew() -> None:
    grant = replace(GRANT, key_id=next(_numbers), requests_per_minute=6)
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        assert (is_let_in(grant), is_let_in(grant)) == (True, False)
        clock.shift(WINDOW_SECONDS)
        assert is_let_in(grant)


def test_rate__process_that_starts_again__counts_on(monkeypatch: pytest.MonkeyPatch) -> None:
    grant = replace(GRANT, key_id=next(_numbers), requests_per_minute=12)
    with time_machine.travel(1_800_000_000, tick=False):
        assert is_let_in(grant)
        forget_leases()
        assert is_let_in(grant)
        forget_leases()
        assert not is_let_in(grant)


def test_rate__costs_more_than_a_window_has__is_let_in_by_a_fresh_one() -> None:
    name = f"{next(_numbers)}:spans"
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        assert find_wait(name, per_minute=60, cost=1_000) is None
        assert find_wait(name, per_minute=60, cost=1) == WINDOW_SECONDS
        clock.shift(WINDOW_SECONDS)
        assert find_wait(name, per_minute=60, cost=10) is None
