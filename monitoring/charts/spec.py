"""What one chart shows: lines, unit, thresholds, stretch of time. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

#: How a chart's numbers are written; see config/static/config/formats.js.
UNITS = ("number", "ratio", "bytes", "bytes_per_second", "seconds", "per_second")
HEIGHTS = ("small", "medium", "large")
DEFAULT_RANGE = "1h"
REFRESH_SECONDS = 10
#: Stands in a query for the window of rate() and the like; becomes as long as one step of the chart, at least a minute.
WINDOW_PLACEHOLDER = "$window"
MIN_WINDOW_SECONDS = 60
#: Steps a chart may have, so that points stay where they are when it refreshes.
STEPS_SECONDS = (10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)
PIXELS_PER_POINT = 2
MIN_POINTS, MAX_POINTS = 40, 1_000

_SECONDS_PER = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"(\d+)([smhdw])")


@dataclass(frozen=True, slots=True)
class Line:
    """One query and how its series are called; `{label}` in `legend` becomes that label's value."""

    query: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Threshold:
    """A horizontal line at `value`, in the colour of `state` (see config/admin/states.py)."""

    value: float
    state: str = "bad"
    label: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """A vertical line at a moment (epoch seconds), in the colour of `state`."""

    at: float
    label: str
    state: str = "bad"


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything the browser needs to draw one chart.

    `application_id` None means the application the reader has chosen. Without `start` and `end` (epoch seconds) the
    chart shows the last `range_seconds` and keeps itself current. With `fit_threshold` the thresholds are always in view.
    `key` names the chart on its page, so that it stays as it is when the page around it is renewed.
    """

    title: str
    lines: tuple[Line, ...]
    unit: str = "number"
    height: str = "medium"
    thresholds: tuple[Threshold, ...] = ()
    marks: tuple[Mark, ...] = ()
    application_id: int | None = None
    range_seconds: int = 3600
    start: float | None = None
    end: float | None = None
    fit_threshold: bool = False
    key: str = ""
    empty: str = ""
    refresh_seconds: int = field(default=REFRESH_SECONDS)

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise ValueError(f"a chart's unit is one of {', '.join(UNITS)}; not {self.unit!r}")
        if self.height not in HEIGHTS:
            raise ValueError(f"a chart's height is one of {', '.join(HEIGHTS)}; not {self.height!r}")

    def as_json(self) -> str:
        """Return the chart as the browser module reads it."""
        return json.dumps(asdict(self), separators=(",", ":"))


def parse_duration(text: str) -> int:
    """Return the seconds of a duration such as 30m, 6h or 1d12h; raise ValueError for anything else."""
    text = str(text).strip()
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"“{text}” is not a length of time. Write it like 30m, 6h or 7d.")
    return sum(int(number) * _SECONDS_PER[unit] for number, unit in parts)


def parse_thresholds(value: Any) -> tuple[Threshold, ...]:
    """Return thresholds from a number, "0.8:watch,0.95:bad", or thresholds; nothing from None and ""."""
    if value is None or value == "":
        return ()
    if isinstance(value, Threshold):
        return (value,)
    if isinstance(value, int | float):
        return (Threshold(float(value)),)
    if isinstance(value, str):
        pairs = (part.partition(":") for part in value.split(","))
        return tuple(Threshold(float(number), state.strip() or "bad") for number, _, state in pairs)
    return tuple(value)


def choose_step(span_seconds: float, width_pixels: int) -> int:
    """Return the seconds between points that suit a stretch of time drawn this wide."""
    wanted = min(max(width_pixels // PIXELS_PER_POINT, MIN_POINTS), MAX_POINTS)
    least = span_seconds / wanted
    for step in STEPS_SECONDS:
        if step >= least:
            return step
    return int(-(-least // 86_400)) * 86_400


def fill_window(query: str, step_seconds: int) -> str:
    """Return the query with `$window` replaced by the length of one step, at least a minute."""
    return query.replace(WINDOW_PLACEHOLDER, f"{max(step_seconds, MIN_WINDOW_SECONDS)}s")


def name_series(labels: dict[str, str], legend: str, *, shared: frozenset[str] = frozenset()) -> str:
    """Return what a series is called in the legend.

    By `legend` if there is one; else by the labels that tell it from the others (all but `shared` ones), else its name.
    """
    if legend:
        return re.sub(r"\{(\w+)\}", lambda match: labels.get(match[1], ""), legend).strip() or "value"
    telling = [f"{name}={value}" for name, value in sorted(labels.items()) if name not in shared and name != "__name__"]
    name = "" if "__name__" in shared else labels.get("__name__", "")
    return " ".join([name, *telling]).strip() or labels.get("__name__", "") or "value"


def find_shared_labels(all_labels: Sequence[dict[str, str]]) -> frozenset[str]:
    """Return the labels that have one value in every series: they tell nothing apart."""
    if not all_labels:
        return frozenset()
    first, *others = all_labels
    return frozenset(name for name, value in first.items() if all(labels.get(name) == value for labels in others))
