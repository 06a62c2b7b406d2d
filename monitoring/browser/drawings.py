"""Pictures of measurements made by the server as SVG: shares, distributions, trends. Pure.

Colours come from classes (monitoring/vitals.css), so that light and dark and the colour map stay in one place. Each picture has
the words of what it shows for screen readers, and a table beside it on the page.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from monitoring.browser.summaries import Tally, write_figure
from monitoring.browser.targets import QUANTILE, Rating, Target
from monitoring.metrics.sketch import Sketch

BAR_WIDTH, BAR_HEIGHT = 240, 10
WIDTH, HEIGHT = 360, 140
LEFT, RIGHT, TOP, BOTTOM = 4, 8, 18, 20
BINS = 30
SHOWN_SHARE = 0.98
"""The slowest 2 % would squeeze everything else into a corner; they are drawn in the last bin."""


def draw_shares(tally: Tally, *, label: str) -> str:
    """Return a bar of three parts: good, needs work, poor."""
    words = ", ".join(f"{_percent(part, tally.count)} {name}" for name, part in _parts(tally))
    head = (
        f'<svg class="pl-shares" viewBox="0 0 {BAR_WIDTH} {BAR_HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(label)}: {words}">'
    )
    pieces, left = [], 0.0
    for rating, (_, part) in zip(Rating, _parts(tally), strict=True):
        width = BAR_WIDTH * part / tally.count if tally.count else 0.0
        if width:
            pieces.append(
                f'<rect class="pl-rated-{rating}" x="{left:.2f}" y="0" width="{width:.2f}" height="{BAR_HEIGHT}"/>'
            )
        left += width
    return f"{head}{''.join(pieces)}</svg>"


def draw_distribution(target: Target, sketch: Sketch, *, label: str) -> str:
    """Return a histogram of a vital's values with its target, its poor limit and its p75."""
    bins, top = count_bins(target, sketch)
    if not bins:
        return ""
    most = max(count for _, count in bins)
    plot_width, plot_height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    bar = plot_width / len(bins)
    parts = []
    for place, (start, count) in enumerate(bins):
        size = plot_height * count / most
        rating = target.rate(start + top / len(bins) / 2)
        if count:
            parts.append(
                f'<rect class="pl-rated-{rating}" x="{LEFT + place * bar:.1f}" y="{TOP + plot_height - max(size, 1):.1f}" '
                f'width="{max(bar - 1, 1):.1f}" height="{max(size, 1):.1f}"/>'
            )
    p75 = sketch.quantile(QUANTILE)
    lines = [("target", target.good), ("poor", target.poor), ("p75", p75)]
    for row, (name, value) in enumerate(lines):
        if value <= top:
            x = LEFT + plot_width * value / top
            side = "end" if x > WIDTH * 0.8 else "start"
            offset = -3 if side == "end" else 3
            parts.append(
                f'<line class="pl-drawn-{name}" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 6 if name == "p75" else TOP}" y2="{TOP + plot_height}"/>'
                f'<text x="{x + offset:.1f}" y="{TOP - 7 if name == "p75" else TOP + 9 + row * 11}" text-anchor="{side}">{name} {write_figure(target, value)}</text>'
            )
    parts.append(_axis(f"0{' s' if target.unit == 'seconds' else ''}", f"{write_figure(target, top)} and more"))
    return _picture(
        "".join(parts), f"{label}: distribution of {sketch.count} measurements, p75 {write_figure(target, p75)}"
    )


def count_bins(target: Target, sketch: Sketch) -> tuple[list[tuple[float, int]], float]:
    """Return how many values lie in each of BINS steps (start, count), the last with all beyond, and where the last ends."""
    if not sketch.count:
        return [], 0.0
    top = max(sketch.quantile(SHOWN_SHARE), target.poor * 1.15)
    counts = [0] * BINS
    centres, numbers = sketch.centers()
    for value, number in zip(centres.tolist(), numbers.tolist(), strict=True):
        counts[min(int(value / top * BINS), BINS - 1)] += int(number)
    return [(place * top / BINS, count) for place, count in enumerate(counts)], top


def draw_trend(target: Target, values: Sequence[float | None], *, first: str, last: str, label: str) -> str:
    """Return a line of p75 over time with the target; None is a gap. `first` and `last` stand below its ends."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    if not known:
        return ""
    top = max(*known, target.good) * 1.1
    plot_width, plot_height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    step = plot_width / max(len(values) - 1, 1)
    path, dots = [], []
    previous: float | None = None
    for place, value in enumerate(values):
        following = values[place + 1] if place + 1 < len(values) else None
        if value is not None:
            x, y = LEFT + place * step, TOP + plot_height * (1 - value / top)
            path.append(f"{'M' if previous is None else 'L'}{x:.1f} {y:.1f}")
            if previous is None and following is None:
                dots.append(f'<circle class="pl-drawn-dot" cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>')
        previous = value
    y = TOP + plot_height * (1 - target.good / top)
    parts = [
        f'<line class="pl-drawn-target" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>',
        f'<text x="{WIDTH - RIGHT}" y="{y - 4:.1f}" text-anchor="end">target {write_figure(target, target.good)}</text>',
        f'<path class="pl-drawn-line" d="{"".join(path)}"/>',
        *dots,
        _axis(escape(first), escape(last)),
    ]
    return _picture("".join(parts), f"{label}: p75 over time, last {write_figure(target, known[-1])}")


def _axis(left: str, right: str) -> str:
    base = HEIGHT - BOTTOM
    return (
        f'<line class="pl-drawn-axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{base}" y2="{base}"/>'
        f'<text x="{LEFT}" y="{HEIGHT - 5}">{left}</text>'
        f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 5}" text-anchor="end">{right}</text>'
    )


def _picture(inner: str, label: str) -> str:
    return f'<svg class="pl-drawn" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}">{inner}</svg>'


def _parts(tally: Tally) -> list[tuple[str, int]]:
    return [("good", tally.good), ("needs work", tally.needs_work), ("poor", tally.poor)]


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "0 %"
