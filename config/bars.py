"""Counts over time drawn by the server as bars in SVG, with marks at moments. Pure.

Colours come from classes (config/admin.css). Every bar tells its figure on hover, the whole picture what it shows to
screen readers; the page has a table beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 720, 120
LEFT, RIGHT, TOP, BOTTOM = 2, 2, 22, 18
MIN_BAR = 2.0
MARK_ROOM = 60
"""Marks that stand closer than this to the one before are drawn without their words."""


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
    room, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    step = room / max(len(bars), 1)
    base = TOP + height
    parts = []
    for place, bar in enumerate(bars):
        size = max(height * bar.count / most, MIN_BAR) if bar.count else 0.0
        x = LEFT + place * step
        words = f"<title>{escape(bar.words)}</title>"
        # A whole column to point at, however small its bar is.
        parts.append(
            f'<g class="pl-bar">{words}<rect class="pl-bar__room" x="{x:.1f}" y="{TOP}" width="{step:.2f}" height="{height}"/>'
            f'<rect class="pl-bar__size" x="{x + 0.5:.1f}" y="{base - size:.1f}" width="{max(step - 1, 0.5):.2f}" height="{size:.1f}"/></g>'
        )
    parts += _draw_flags(flags, room, base)
    parts.append(
        f'<line class="pl-bars__axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{base}" y2="{base}"/>'
        f'<text x="{LEFT}" y="{HEIGHT - 4}">{escape(first)}</text>'
        f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 4}" text-anchor="end">{escape(last)}</text>'
    )
    words = f"{label}: {sum(bar.count for bar in bars):,} in all, at most {most:,} in one step"
    return f'<svg class="pl-bars" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(words)}">{"".join(parts)}</svg>'


def _draw_flags(flags: Sequence[Flag], room: float, base: float) -> list[str]:
    parts, taken = [], -float(MARK_ROOM)
    for flag in sorted(flags, key=lambda one: one.place):
        x = LEFT + room * min(max(flag.place, 0.0), 1.0)
        parts.append(
            f'<g class="pl-bars__flag"><title>{escape(flag.word)}</title><line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 8}" y2="{base}"/>'
        )
        if x - taken >= MARK_ROOM:
            side = "end" if x > WIDTH * 0.85 else "start"
            parts.append(
                f'<text x="{x + (-3 if side == "end" else 3):.1f}" y="{TOP - 9}" text-anchor="{side}">{escape(flag.word[:24])}</text>'
            )
            taken = x
        parts.append("</g>")
    return parts
