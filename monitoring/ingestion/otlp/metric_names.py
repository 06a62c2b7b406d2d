"""What metrics and attributes of OpenTelemetry are called as Prometheus series. Pure.

Source: OpenTelemetry specification, compatibility/prometheus_and_openmetrics.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import msgspec

_UNITS = {
    "d": "days",
    "h": "hours",
    "min": "minutes",
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
    "By": "bytes",
    "KiBy": "kibibytes",
    "MiBy": "mebibytes",
    "GiBy": "gibibytes",
    "TiBy": "tibibytes",
    "KBy": "kilobytes",
    "kBy": "kilobytes",
    "MBy": "megabytes",
    "GBy": "gigabytes",
    "TBy": "terabytes",
    "m": "meters",
    "V": "volts",
    "A": "amperes",
    "J": "joules",
    "W": "watts",
    "g": "grams",
    "Cel": "celsius",
    "Hz": "hertz",
    "%": "percent",
}
_PER = {"s": "second", "m": "minute", "min": "minute", "h": "hour", "d": "day", "w": "week", "mo": "month", "y": "year"}
_NOT_A_NAME = re.compile(r"[^a-zA-Z0-9_:]+")
_NOT_A_LABEL = re.compile(r"[^a-zA-Z0-9_]+")
_ANNOTATION = re.compile(r"\{[^{}]*\}")
_NONE = "1"


@lru_cache(maxsize=4096)
def name_metric(name: str, unit: str, *, is_counter: bool, is_gauge: bool) -> str:
    """Return a metric's Prometheus name: its unit in words behind it, `_total` for counters, `_ratio` for gauges without unit.

    `process.uptime` in `s` is process_uptime_seconds, `http.server.errors` in `{error}` http_server_errors_total.
    """
    words = [word for word in _NOT_A_NAME.sub("_", name).split("_") if word]
    if is_counter:
        words = [word for word in words if word != "total"]
    main, per = _read_unit(unit)
    words += [main] if main and main not in words else []
    words += ["per", per] if per and per not in words else []
    if is_gauge and unit == _NONE and "ratio" not in words:
        words.append("ratio")
    if is_counter:
        words.append("total")
    whole = "_".join(words)
    return f"_{whole}" if whole[:1].isdigit() else whole


def write_unit(unit: str) -> str:
    """Return a UCUM unit in words ("By/s": bytes_per_second); "" for none, and for what is only an annotation ("{request}")."""
    main, per = _read_unit(unit)
    return "_".join(word for word in (main, "per" if per else "", per) if word)


@lru_cache(maxsize=1024)
def _read_unit(unit: str) -> tuple[str, str]:
    """Return a unit's words before and after its slash."""
    main, _, per = (part.strip() for part in _ANNOTATION.sub("", unit).partition("/"))
    main = "" if main == _NONE else _UNITS.get(main, main)
    return _NOT_A_LABEL.sub("_", main).strip("_"), _NOT_A_LABEL.sub("_", _PER.get(per, per)).strip("_")


def name_labels(attributes: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> dict[str, str]:
    """Return attributes as labels. Those whose names become the same share a label, their values joined by semicolons."""
    pairs = attributes.items() if isinstance(attributes, Mapping) else attributes
    labels: dict[str, str] = {}
    for name, value in sorted(pairs, key=lambda pair: pair[0]):
        text = write_value(value)
        if not text:
            continue
        label = _name_label(name)
        labels[label] = f"{labels[label]};{text}" if label in labels else text
    return labels


@lru_cache(maxsize=4096)
def _name_label(name: str) -> str:
    label = _NOT_A_LABEL.sub("_", name)
    if label[:1].isdigit():
        return f"key_{label}"
    # Two underscores in front are Prometheus' own.
    return f"key{label}" if label.startswith("__") else label


def write_value(value: Any) -> str:
    """Return an attribute's value as a label has it: true and false in small letters, lists as JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    return msgspec.json.encode(value).decode()
