"""Line pictures."""

from __future__ import annotations

from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from config.sparklines import draw_sparkline


def path_of(svg: str) -> str:
    found = ElementTree.fromstring(svg).find("path")
    return "" if found is None else found.attrib["d"]


def test_sparkline__rising_values__rise() -> None:
    assert path_of(draw_sparkline([0, 1, 2], width=102, height=24)) == "M1.0 22.0L51.0 12.0L101.0 2.0"


def test_sparkline__gap__starts_a_new_stroke() -> None:
    assert path_of(draw_sparkline([0, None, 1, 2])).count("M") == 2


def test_sparkline__nothing_known__is_empty() -> None:
    assert path_of(draw_sparkline([None, float("nan")])) == ""


def test_sparkline__equal_values__lie_in_the_middle() -> None:
    assert path_of(draw_sparkline([5, 5], width=12, height=24)) == "M1.0 12.0L11.0 12.0"


def test_sparkline__label__is_escaped() -> None:
    assert ElementTree.fromstring(draw_sparkline([1], label='a "b" <c> & d')).attrib["aria-label"] == 'a "b" <c> & d'


@given(st.lists(st.none() | st.floats(width=32), max_size=50))
def test_sparkline__any_values__stay_in_the_picture(values: list[float | None]) -> None:
    path = path_of(draw_sparkline(values, width=96, height=24))

    points = [point.split() for point in path.replace("L", "M").split("M") if point]
    assert all(0 <= float(x) <= 96 and 0 <= float(y) <= 24 for x, y in points)
