"""The colour map: readable in both themes, and the same in Python and CSS."""

from __future__ import annotations

import re

import pytest
from django.conf import settings

from config.admin.states import COLOURS, State, colours_of, state_of

LEAST_CONTRAST = 4.5
CSS = (settings.BASE_DIR / "config/static/config/admin.css").read_text(encoding="utf-8")


def luminance(colour: str) -> float:
    """Relative luminance. Source: WCAG 2.2."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("state", State)
def test_colours__text_on_background__readable_in_both_themes(state: State) -> None:
    colours = COLOURS[state]

    assert contrast(colours.text, colours.background) >= LEAST_CONTRAST
    assert contrast(colours.dark_text, colours.dark_background) >= LEAST_CONTRAST


@pytest.mark.parametrize("state", State)
def test_colours__in_the_style_sheet__are_those_of_the_map(state: State) -> None:
    light, dark = CSS.split(".dark {", 1)
    colours = COLOURS[state]

    assert read_colours(light, state) == [colours.text, colours.background, colours.line]
    assert read_colours(dark, state) == [colours.dark_text, colours.dark_background, colours.dark_line]


def read_colours(css: str, state: State) -> list[str]:
    found = [re.search(rf"--pl-{state}-{part}: (#[0-9a-f]{{6}});", css) for part in ("text", "back", "line")]
    return [match[1] for match in found if match]


@pytest.mark.parametrize(
    ("word", "state"),
    [("well", State.WELL), ("firing", State.BAD), ("sent", State.WELL), ("something new", State.QUIET)],
)
def test_state_of__word__is_its_state(word: str, state: State) -> None:
    assert state_of(word) == state
    assert colours_of(word) == COLOURS[state]
