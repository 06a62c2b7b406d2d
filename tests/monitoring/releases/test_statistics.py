"""Is a release worse? Checked against scipy, and with releases that are no worse."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, fisher_exact

from monitoring.releases.statistics import (
    compare_new_issues,
    compare_shares,
    find_rate_p,
    find_share_p,
    measure_share,
)


@given(st.integers(0, 60), st.integers(1, 400), st.integers(0, 60), st.integers(1, 400))
def test_find_share_p__any_counts__is_fishers(count: int, good: int, before_count: int, before_good: int) -> None:
    found = find_share_p(count, count + good, before_count, before_count + before_good)
    if found < 1:
        expected = fisher_exact([[count, good], [before_count, before_good]], alternative="greater").pvalue
        assert found == pytest.approx(expected, rel=1e-6)


def test_find_share_p__millions__is_exact_and_quick() -> None:
    found = find_share_p(10_300, 1_000_000, 10_000, 1_000_000)
    expected = fisher_exact([[10_300, 989_700], [10_000, 990_000]], alternative="greater").pvalue
    assert found == pytest.approx(expected, rel=1e-4)


@given(st.integers(0, 30), st.floats(1, 1e6), st.integers(0, 30), st.floats(1, 1e6))
def test_find_rate_p__any_counts__is_the_binomial_tail(count: int, seconds: float, before: int, other: float) -> None:
    if count + before:
        expected = binomtest(count, count + before, seconds / (seconds + other), alternative="greater").pvalue
        assert find_rate_p(count, seconds, before, other) == pytest.approx(expected, rel=1e-6, abs=1e-300)


@given(st.integers(0, 1000), st.integers(1, 1000))
def test_measure_share__any_counts__is_wilsons_interval(count: int, more: int) -> None:
    found = measure_share(count, count + more)
    expected = binomtest(count, count + more).proportion_ci(method="wilson")
    assert found is not None
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert measure_share(0, 0) is None


@pytest.mark.parametrize(
    ("numbers", "is_regressed"),
    [
        ((30, 1000, 100, 10_000), True),
        ((199, 199, 0, 10_000), None),  # too few sessions
        ((4, 200, 0, 100_000), False),  # too few crashes
        ((600, 100_000, 400, 100_000), False),  # sure, and too small to matter
        ((60, 1000, 500, 10_000), False),  # not sure
        ((0, 1000, 500, 10_000), False),
    ],
)
def test_compare_shares__threshold__is_kept(numbers: tuple[int, int, int, int], is_regressed: bool | None) -> None:
    found = compare_shares(*numbers)
    assert (None if found is None else found.is_regressed) is is_regressed


def test_compare_shares__in_between__what_was_found_stays() -> None:
    between = (145, 10_000, 100, 10_000)
    assert [compare_shares(*between, was_regressed=was).is_regressed for was in (False, True)] == [False, True]  # type: ignore[union-attr]  # there is enough
    gone = compare_shares(105, 10_000, 100, 10_000, was_regressed=True)
    assert gone is not None
    assert not gone.is_regressed


def test_compare_shares__release_that_is_no_worse__is_hardly_ever_called_worse() -> None:
    random = np.random.default_rng(7)
    called = 0
    for _ in range(200):
        before = int(random.binomial(20_000, 0.02))
        crashed = np.cumsum(random.binomial(100, 0.02, size=60))
        found = [compare_shares(int(count), 100 * (look + 1), before, 20_000) for look, count in enumerate(crashed)]
        called += any(each is not None and each.is_regressed for each in found)
    assert called <= 2


def test_compare_new_issues__times__are_weighed() -> None:
    assert compare_new_issues(5, 600.0, 0, 6000.0) is None
    many = compare_new_issues(20, 7200.0, 1, 7200.0)
    few = compare_new_issues(2, 7200.0, 0, 7200.0)
    assert many is not None
    assert few is not None
    assert (many.is_regressed, few.is_regressed) == (True, False)
    later = compare_new_issues(20, 7200.0, 18, 7200.0, was_regressed=True)
    assert later is not None
    assert not later.is_regressed
