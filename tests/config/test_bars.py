"""Bars drawn by the server."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from config.bars import HEIGHT, Bar, Flag, draw_bars


@given(
    st.lists(st.integers(0, 10**9), max_size=120),
    st.lists(st.floats(-1, 2, allow_nan=False), max_size=10),
)
def test_bars__any_counts_and_marks__stay_inside_the_picture(counts: list[int], places: list[float]) -> None:
    bars = [Bar(count, str(count)) for count in counts]
    svg = draw_bars(bars, label="x", first="a", last="b", flags=[Flag(place, "v") for place in places])
    sizes = re.findall(r'__size" x="([\d.-]+)%" y="([\d.-]+)" width="([\d.-]+)%" height="([\d.-]+)"', svg)
    assert len(sizes) == len(counts)
    for (x, y, width, height), count in zip((map(float, size) for size in sizes), counts, strict=True):
        assert (height > 0) == (count > 0)
        assert x >= 0
        assert x + width <= 100.01
        assert y + height <= HEIGHT
    assert svg.count("pl-bars__flag") == len(places)


def test_bars__texts__are_escaped_and_close_flags_stay_readable() -> None:
    flags = [Flag(0.51, "<1>"), Flag(0.5, "2")]
    svg = draw_bars([Bar(1, 'a "b"')], label="<x>", first="&", last="now", flags=flags)
    assert "&lt;1&gt;</text>" in svg
    assert ">2</text>" not in svg
    assert "<title>2</title>" in svg
    assert not re.search(r"<(1|x)>", svg)
