"""Counts over time drawn by the server as bars in SVG, with marks at moments. Pure.

Places along the time are percentages and the height is in pixels, so that the picture takes the width it gets and its words
stay as large as they are. Colours come from classes (config/admin.css). Every bar tells its figure on hover, the whole
picture what it shows to screen readers; the page has a table beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

HEIGHT = 120
TOP, BOTTOM = 22, 18
MIN_BAR = 2.0
WORD = 24
"""Characters shown of a mark's word."""
CHARACTER = 1.3
"""Percent of the width that a character takes in a picture of 500 px; a word that would touch the one before is left out."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One step: how many, and what it says on hover."""

    count: int
    words: str


@dataclass(frozen=True, slots=True)
class Flag:
    """A mark: where it stands (0 = left end, 1 = right end) and its word."""

    place: float
    word: str


def draw_bars(bars: Sequence[Bar], *, label: str, first: str, last: str, flags: Sequence[Flag] = ()) -> str:
    """Return bars, the oldest first, with flags above; `first` and `last` stand below their ends."""
    most = max((bar.count for bar in bars), default=0)
    height = HEIGHT - TOP - BOTTOM
    step = 100 / max(len(bars), 1)
    base = TOP + height
    parts = []
    for place, bar in enumerate(bars):
        size = max(height * bar.count / most, MIN_BAR) if bar.count else 0.0
        x = place * step
        words = f"<title>{escape(bar.words)}</title>"
        # A whole column to point at, however small its bar is.
        parts.append(
            f'<g class="pl-bar">{words}<rect class="pl-bar__room" x="{x:.3f}%" y="{TOP}" width="{step:.3f}%" height="{height}"/>'
            f'<rect class="pl-bar__size" x="{x + step * 0.05:.3f}%" y="{base - size:.1f}" width="{step * 0.9:.3f}%" height="{size:.1f}"/></g>'
        )
    parts += _draw_flags(flags, base)
    parts.append(
        f'<line class="pl-bars__axis" x1="0" x2="100%" y1="{base}" y2="{base}"/>'
        f'<text x="0" y="{HEIGHT - 4}">{escape(first)}</text>'
        f'<text x="100%" y="{HEIGHT - 4}" text-anchor="end">{escape(last)}</text>'
    )
    words = f"{label}: {sum(bar.count for bar in bars):,} in all, at most {most:,} in one step"
    return f'<svg class="pl-bars" height="{HEIGHT}" role="img" aria-label="{escape(words)}">{"".join(parts)}</svg>'


def _draw_flags(flags: Sequence[Flag], base: float) -> list[str]:
    """Flags with their words, the newest's first: where two are too close, the older one tells its word on hover only."""
    parts, free = [], 100.0
    for flag in sorted(flags, key=lambda one: -one.place):
        x = 100 * min(max(flag.place, 0.0), 1.0)
        word = flag.word[:WORD]
        room = len(word) * CHARACTER
        parts.append(
            f'<g class="pl-bars__flag"><title>{escape(flag.word)}</title><line x1="{x:.2f}%" x2="{x:.2f}%" y1="{TOP - 8}" y2="{base}"/>'
        )
        # A word stands right of its mark, or left of it where the picture ends.
        is_last = x + room > 100
        if x + (0 if is_last else room) <= free:
            side = 'dx="-3" text-anchor="end"' if is_last else 'dx="3"'
            parts.append(f'<text x="{x:.2f}%" y="{TOP - 9}" {side}>{escape(word)}</text>')
            free = x - (room if is_last else 0)
        parts.append("</g>")
    return parts
