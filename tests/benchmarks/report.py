"""How figures are written down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value. `aim` is what we want, `floor` what the machine allowed in the same run; both in the same unit."""

    section: str
    what: str
    value: float
    unit: str
    aim: str = ""
    floor: str = ""


def print_table(figures: Sequence[Figure]) -> None:
    """Print the figures as a Markdown table."""
    rows = [("what", "measured", "aim", "floor in the same run"), ("---", "---", "---", "---")]
    rows += [(figure.what, f"{_short(figure.value)} {figure.unit}", figure.aim, figure.floor) for figure in figures]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |")


def _short(value: float) -> str:
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"
