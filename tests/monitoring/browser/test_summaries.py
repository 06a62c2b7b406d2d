from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.browser.drawings import count_bins, draw_distribution, draw_shares, draw_trend
from monitoring.browser.summaries import Member, Summary, Tally, order_members, summarise, write_figure, write_headline
from monitoring.browser.targets import TARGETS, Rating
from monitoring.metrics.sketch import Sketch

VALUES = st.lists(st.floats(0, 600), min_size=1, max_size=50)


def make_summary(name: str, p75: float, count: int = 100) -> Summary:
    return Summary(TARGETS[name], Tally(count, count, 0), p75)


def test_headline__nothing__says_so() -> None:
    assert write_headline([]) == (None, "Nothing was measured in this time.")


def test_headline__all_targets_met__pages_feel_fast() -> None:
    found = [make_summary("lcp", 2.0), make_summary("cls", 0.05), make_summary("asset", 9.0)]
    assert write_headline(found) == (Rating.GOOD, "Pages feel fast: all 2 vitals meet their targets.")


def test_headline__some_missed__names_the_worst_with_its_target() -> None:
    found = [make_summary("lcp", 3.0), make_summary("cls", 0.3), make_summary("inp", 0.1)]
    rating, words = write_headline(found)
    assert rating is Rating.POOR
    assert words == "2 of 3 vitals miss their targets: layout shift is 0.30 instead of 0.10."


def test_headline__one_missed__is_singular() -> None:
    rating, words = write_headline([make_summary("lcp", 3.0), make_summary("fcp", 1.0)])
    assert rating is Rating.NEEDS_WORK
    assert words == "1 of 2 vitals misses its target: largest content is 3 s instead of 2.5 s."


def test_summarise__vitals_without_measurements__are_left_out_and_the_others_in_order() -> None:
    sketches = {name: Sketch.of(values) for name, values in {"fcp": [1.0], "lcp": [2.0], "inp": []}.items()}
    tallies = {"fcp": Tally(1, 1, 0), "lcp": Tally(1, 1, 0), "inp": Tally(), "asset_failed": Tally(3, 0, 0)}
    assert list(summarise(tallies, sketches)) == ["lcp", "fcp"]


def test_order_members__slow_once__is_not_worse_than_slow_for_many() -> None:
    once = Member("/once", {"lcp": Tally(1, 0, 1)})
    often = Member("/often", {"lcp": Tally(1000, 500, 100)})
    fine = Member("/fine", {"lcp": Tally(5000, 5000, 0)})
    assert [one.name for one in order_members([fine, once, often], by="worst")] == ["/often", "/once", "/fine"]
    assert [one.name for one in order_members([once, often, fine], by="views")] == ["/fine", "/often", "/once"]
    assert [one.name for one in order_members([once, often, fine], by="name")] == ["/fine", "/often", "/once"]


@given(VALUES)
def test_count_bins__any_values__every_one_is_in_a_bin(values: list[float]) -> None:
    bins, top = count_bins(TARGETS["lcp"], Sketch.of(values))
    assert sum(count for _, count in bins) == len(values)
    assert top >= TARGETS["lcp"].poor


@given(VALUES, st.sampled_from(["lcp", "cls"]))
def test_drawings__any_values__are_well_formed_and_in_the_frame(values: list[float], name: str) -> None:
    target = TARGETS[name]
    course: list[float | None] = [None if value > 300 else value for value in values]
    pictures = [
        draw_distribution(target, Sketch.of(values), label="A & B"),
        draw_trend(target, course, first="<1", last="2", label='"x"'),
    ]
    for picture in filter(None, pictures):
        root = ElementTree.fromstring(picture)
        width, height = (float(part) for part in root.attrib["viewBox"].split()[2:])
        assert all(0 <= float(part.attrib["x"]) <= width for part in root.iter("rect"))
        numbers = [float(text) for part in root.iter("path") for text in re.findall(r"[\d.]+", part.attrib["d"])]
        assert all(-0.1 <= number <= max(width, height) + 0.1 and math.isfinite(number) for number in numbers)


@pytest.mark.parametrize("tally", [Tally(), Tally(4, 1, 1), Tally(3, 3, 0)])
def test_draw_shares__parts__add_up_to_the_bar(tally: Tally) -> None:
    root = ElementTree.fromstring(draw_shares(tally, label="x"))
    assert sum(float(part.attrib["width"]) for part in root) == pytest.approx(240 if tally.count else 0, abs=0.02)


def test_write_figure__each_unit__is_readable() -> None:
    assert [write_figure(TARGETS["lcp"], 2.412), write_figure(TARGETS["inp"], 0.18)] == ["2.41 s", "180 ms"]
    assert write_figure(TARGETS["cls"], np.float64(0.081)) == "0.08"
