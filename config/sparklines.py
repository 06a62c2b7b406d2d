"""Small line pictures made by the server as SVG. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeGuard


def draw_sparkline(values: Sequence[float | None], *, width: int = 96, height: int = 24, label: str = "") -> str:
    """Return an SVG element with the values as one line, oldest first; None and NaN are gaps.

    The colour is the text's (`currentColor`), so a class on the page decides it. `label` is read out by screen readers;
    without one the picture is decoration.
    """
    known = [value for value in values if _is_known(value)]
    hidden = f'role="img" aria-label="{_escape(label)}"' if label else 'aria-hidden="true"'
    head = f'<svg class="pl-spark" width="{width}" height="{height}" viewBox="0 0 {width} {height}" {hidden}>'
    if not known:
        return f"{head}</svg>"
    low, high = min(known), max(known)
    spread = (high - low) or 1.0
    step = (width - 2) / max(len(values) - 1, 1)
    middle = 0.5 if high == low else 0.0
    path: list[str] = []
    is_drawing = False
    for index, value in enumerate(values):
        if not _is_known(value):
            is_drawing = False
            continue
        part = middle or (value - low) / spread
        path.append(f"{'L' if is_drawing else 'M'}{1 + index * step:.1f} {height - 2 - part * (height - 4):.1f}")
        is_drawing = True
    return f'{head}<path d="{"".join(path)}" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round"/></svg>'


def _is_known(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")
