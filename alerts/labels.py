"""Label sets: what tells one alert of a rule from another. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping

METRIC_NAME = "__name__"
#: Set by the product on every alert it sends; a rule can't set them itself.
CAUSE = "alert_cause"
RESERVED = frozenset({"alertname", "severity", "application", "environment", CAUSE, METRIC_NAME})
MAX_LABELS = 30
MAX_VALUE_LENGTH = 500

_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


class BadLabel(Exception):
    """A rule's label that can't be used; the message says why, in words for whoever wrote it."""


def identify_series(labels: Mapping[str, str]) -> dict[str, str]:
    """Return the labels that identify an alert of a rule: those of its series, without the metric's name."""
    return {name: value for name, value in sorted(labels.items()) if name != METRIC_NAME and value}


def fingerprint_labels(labels: Mapping[str, str]) -> str:
    """Return 32 hexadecimal digits that are equal for equal label sets, whatever their order."""
    text = json.dumps(sorted(labels.items()), ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def check_labels(labels: Mapping[str, object]) -> None:
    """Raise BadLabel unless these can be a rule's own labels."""
    if len(labels) > MAX_LABELS:
        raise BadLabel(f"A rule can have {MAX_LABELS} labels at most.")
    for name, value in labels.items():
        if _NAME.fullmatch(name) is None or name.startswith("__"):
            raise BadLabel(f"“{name}” can't be a label: use letters, digits and _, and don't begin with a digit or __.")
        if name in RESERVED:
            raise BadLabel(f"The label “{name}” is set by Postlaunch; leave it out.")
        if not isinstance(value, str):
            raise BadLabel(f"The value of the label “{name}” must be text.")
        if len(value) > MAX_VALUE_LENGTH:
            raise BadLabel(f"The value of the label “{name}” is longer than {MAX_VALUE_LENGTH} characters.")


def describe_labels(labels: Mapping[str, str]) -> str:
    """Return labels in one line, `host=erp1, device=sda`; empty for none."""
    return ", ".join(f"{name}={value}" for name, value in sorted(labels.items()))
