from __future__ import annotations

import pytest

from monitoring.browser.records import VITALS
from monitoring.browser.targets import COLUMNS, CORE, JUDGED, TARGETS, Rating, count_views


@pytest.mark.parametrize(
    ("name", "value", "rating"),
    [
        ("lcp", 2.499, Rating.GOOD),
        ("lcp", 2.5, Rating.NEEDS_WORK),
        ("lcp", 4.0, Rating.NEEDS_WORK),
        ("lcp", 4.001, Rating.POOR),
        ("fcp", 1.5, Rating.NEEDS_WORK),
        ("fcp", 3.1, Rating.POOR),
        ("fid", 0.099, Rating.GOOD),
        ("fid", 0.301, Rating.POOR),
        ("inp", 0.2, Rating.NEEDS_WORK),
        ("inp", 0.501, Rating.POOR),
        ("cls", 0.0999, Rating.GOOD),
        ("cls", 0.251, Rating.POOR),
        ("ttfb", 0.8, Rating.NEEDS_WORK),
        ("ttfb", 1.81, Rating.POOR),
        ("load", 1.99, Rating.GOOD),
        ("load_repeat", 1.0, Rating.NEEDS_WORK),
        ("asset", 0.499, Rating.GOOD),
        ("tti", 3.0, Rating.NEEDS_WORK),
    ],
)
def test_rate__value_around_a_limit__is_below_the_target_only_when_good(
    name: str, value: float, rating: Rating
) -> None:
    assert TARGETS[name].rate(value) is rating


def test_targets__each_vital_but_failed_assets__has_one() -> None:
    assert VITALS.keys() - {"asset_failed"} <= TARGETS.keys()
    assert set(JUDGED) == set(TARGETS)
    assert set(CORE) <= set(COLUMNS) <= set(JUDGED)
    assert all(0 < target.good < target.poor for target in TARGETS.values())


@pytest.mark.parametrize(
    ("counts", "views"),
    [
        ({}, 0),
        ({"asset": 40, "longtask": 3}, 0),
        ({"lcp": 3, "fcp": 4, "ttfb": 2}, 4),
        ({"load": 2, "load_repeat": 5, "route": 3, "lcp": 7}, 10),
    ],
)
def test_count_views__measurements_of_many_kinds__are_counted_once(counts: dict[str, int], views: int) -> None:
    assert count_views(counts) == views
