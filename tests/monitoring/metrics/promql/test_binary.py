from __future__ import annotations

import math

import pytest

from monitoring.metrics.promql import EvaluationError
from tests.monitoring.metrics.promql.builders import STALE, ask, ask_number, ask_range, make_series, now

USED = [
    now("used", 8.0, host="a", disk="1"),
    now("used", 3.0, host="a", disk="2"),
    now("used", 5.0, host="b", disk="1"),
]
SIZE = [now("size", 10.0, host="a", unit="GB"), now("size", 20.0, host="c", unit="GB")]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3", 7.0),
        ("(1 + 2) * 3", 9.0),
        ("2 ^ 3 ^ 2", 512.0),
        ("-2 ^ 2", -4.0),
        ("7 % 3", 1.0),
        ("-7 % 3", -1.0),
        ("7.5 % -2", 1.5),
        ("1 / 0", math.inf),
        ("-1 / 0", -math.inf),
        ("0 / 0", math.nan),
        ("1 atan2 1", math.pi / 4),
        ("(-Inf) ^ 0.5", math.inf),
        ("2 > bool 1", 1.0),
        ("2 < bool 1", 0.0),
        ("NaN == bool NaN", 0.0),
        ("NaN != bool NaN", 1.0),
    ],
)
def test_scalars__operator__is_arithmetic_of_floats(text: str, value: float) -> None:
    assert ask_number(text) == pytest.approx(value, nan_ok=True)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("size * 2", {"{host=a,unit=GB}": 20.0, "{host=c,unit=GB}": 40.0}),
        ("2 - size", {"{host=a,unit=GB}": -8.0, "{host=c,unit=GB}": -18.0}),
        ("size > 10", {"size{host=c,unit=GB}": 20.0}),
        ("10 < size", {"size{host=c,unit=GB}": 20.0}),
        ("10 == size", {"size{host=a,unit=GB}": 10.0}),
        ("size > bool 10", {"{host=a,unit=GB}": 0.0, "{host=c,unit=GB}": 1.0}),
        ("-size", {"{host=a,unit=GB}": -10.0, "{host=c,unit=GB}": -20.0}),
        ("size + nothing", {}),
    ],
)
def test_vector_with_scalar__operator__keeps_the_name_only_where_it_filters(
    text: str, answer: dict[str, float]
) -> None:
    assert ask(text, *SIZE) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ('used{disk="1"} / on(host) size', {"{host=a}": 0.8}),
        ('used{disk="1"} / ignoring(disk, unit) size', {"{host=a}": 0.8}),
        ('used{disk="1"} / size', {}),
        ("used / on(host) group_left size", {"{disk=1,host=a}": 0.8, "{disk=2,host=a}": 0.3}),
        ("used / on(host) group_left(unit) size", {"{disk=1,host=a,unit=GB}": 0.8, "{disk=2,host=a,unit=GB}": 0.3}),
        ("size / on(host) group_right used", {"{disk=1,host=a}": 1.25, "{disk=2,host=a}": 10 / 3}),
        ("used < on(host) group_left size * 0.5", {"used{disk=2,host=a}": 3.0}),
        ("used < bool on(host) group_left size * 0.5", {"{disk=1,host=a}": 0.0, "{disk=2,host=a}": 1.0}),
        ("size > on(host) group_right used", {"used{disk=1,host=a}": 10.0, "used{disk=2,host=a}": 10.0}),
        ('used{disk="1"} < on(host) size', {"{host=a}": 8.0}),
        ('used{disk="1"} < ignoring(disk, unit) size', {"used{host=a}": 8.0}),
    ],
)
def test_vectors__matching__pairs_elements_by_labels(text: str, answer: dict[str, float]) -> None:
    assert ask(text, *USED, *SIZE) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("used and on(host) size", ["used{disk=1,host=a}", "used{disk=2,host=a}"]),
        ("used unless on(host) size", ["used{disk=1,host=b}"]),
        ("size or on(host) used", ["size{host=a,unit=GB}", "size{host=c,unit=GB}", "used{disk=1,host=b}"]),
        ("size or on() used", ["size{host=a,unit=GB}", "size{host=c,unit=GB}"]),
        ("nothing or used", ["used{disk=1,host=a}", "used{disk=2,host=a}", "used{disk=1,host=b}"]),
        ("used and nothing", []),
        ("used unless nothing", ["used{disk=1,host=a}", "used{disk=2,host=a}", "used{disk=1,host=b}"]),
        ("used and ignoring(disk, unit) size", ["used{disk=1,host=a}", "used{disk=2,host=a}"]),
    ],
)
def test_sets__operator__picks_whole_elements(text: str, answer: list[str]) -> None:
    assert list(ask(text, *USED, *SIZE)) == answer


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("used / on(host) size", "multiple matches for labels"),
        ("size / on(host) used", "many-to-many matching not allowed"),
        ("used * on(host) group_left used", 'found duplicate series for the match group {host="a"} on the right'),
        ("size * on(host) group_left(disk) used", "many-to-many matching not allowed"),
        ('-{__name__=~"used|copy"}', "same labelset"),
    ],
)
def test_vectors__match_that_is_not_unique__is_refused(text: str, message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        ask(text, *USED, *SIZE, now("copy", 1.0, host="a", disk="1"))


def test_vectors__one_side_restarts_under_another_label__goes_on_matching() -> None:
    old = make_series("build", [1.0, 1.0, STALE], version="1", job="a")
    new = make_series("build", [1.0, 1.0], start_s=180, version="2", job="a")
    load = make_series("load", [1.0, 2.0, 3.0, 4.0, 5.0], job="a")
    question = {"start_s": 0, "end_s": 240, "step_s": 60}
    assert ask_range("load * on(job) group_left(version) build", load, old, new, **question) == {
        "{job=a,version=1}": {0: 1.0, 60: 2.0},
        "{job=a,version=2}": {180: 4.0, 240: 5.0},
    }
    assert ask_range("load * on(job) build", load, old, new, **question) == {
        "{job=a}": {0: 1.0, 60: 2.0, 180: 4.0, 240: 5.0}
    }


def test_vectors__sides_that_never_meet__are_not_refused() -> None:
    first = make_series("x", [1.0, STALE], host="1")
    later = make_series("x", [2.0, STALE], start_s=60, host="2")
    assert ask_range("sum by () (x) + on() x", first, later, start_s=0, end_s=60, step_s=60) == {
        "{}": {0: 2.0, 60: 4.0}
    }
