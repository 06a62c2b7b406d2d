"""Where alerts go: whom they are for, and how they are grouped on the way. Pure but for the rows it is given."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from alerts.dispatch import Timings
from alerts.escalation import Step, StepKind, read_steps, write_steps

GROUP_BY = ("alertname", "application")
EVERY_LABEL = "..."


@dataclass(frozen=True, slots=True)
class Destination:
    """A policy, or a rule's own channels, with how its alerts are grouped. `key` tells destinations apart."""

    key: str
    name: str
    steps: tuple[Step, ...]
    timings: Timings
    group_by: tuple[str, ...] = GROUP_BY
    ack_reminder_seconds: int | None = None
    ack_expiry_seconds: int | None = None

    def snapshot(self) -> dict[str, Any]:
        """Return as JSON what a group keeps of it."""
        return {
            "wait": self.timings.wait.total_seconds(),
            "interval": self.timings.interval.total_seconds(),
            "repeat": self.timings.repeat.total_seconds(),
            "steps": write_steps(self.steps),
            "ack_reminder": self.ack_reminder_seconds,
            "ack_expiry": self.ack_expiry_seconds,
        }


def of_channels(*, key: str, name: str, channel_ids: Sequence[int], timings: Timings) -> Destination:
    """Return the destination of a rule that names channels only: they are told, and nothing follows."""
    steps = (Step(StepKind.CHANNEL, targets=tuple(channel_ids)),) if channel_ids else ()
    return Destination(key, name, steps, timings)


def pick_group_labels(labels: Mapping[str, str], group_by: Sequence[str]) -> dict[str, str]:
    """Return what an alert has in common with the others of its group; a label without a value is none."""
    names = labels if EVERY_LABEL in group_by else group_by
    return {name: labels[name] for name in sorted(names) if labels.get(name)}


def hash_group(destination_key: str, group_labels: Mapping[str, str], *, owner: int | None = None) -> str:
    """Return what identifies a group: equal for equal destinations, labels and owners, the one application it is for."""
    text = json.dumps([destination_key, sorted(group_labels.items()), owner], ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def read_plan(plan: Mapping[str, Any]) -> tuple[Timings, tuple[Step, ...]]:
    """Return timings and steps of a group's snapshot."""
    seconds = {name: timedelta(seconds=float(plan[name])) for name in ("wait", "interval", "repeat")}
    return Timings(**seconds), read_steps(plan["steps"])
