"""Steps of escalation policies in words, with the names of whom they reach, read for all of them at once."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group

from alerts.escalation import Step, StepKind
from alerts.models import Channel, OnCallSchedule
from config.lengths import describe_seconds

_SENTENCES = {
    StepKind.CHANNEL: "tell {}",
    StepKind.TEAM: "tell the team {}",
    StepKind.SCHEDULE: "tell whoever is on call in {}",
    StepKind.PERSON: "tell {}",
    StepKind.ROUND_ROBIN: "tell one of {}",
}


class StepWriter:
    """Says what steps do. One query for each kind of target that any of them has."""

    def __init__(self, steps: Iterable[Step]) -> None:
        """Read the names of everybody whom these steps reach."""
        wanted: dict[StepKind, set[int]] = {}
        for step in steps:
            if step.kind in _SENTENCES:
                wanted.setdefault(step.kind, set()).update(step.targets)
        self._names = {kind: _read_names(kind, ids) for kind, ids in wanted.items()}

    def write(self, step: Step) -> str:
        """Return what a step does, as the rest of a sentence."""
        if step.kind in _SENTENCES:
            names = [name for each in step.targets if (name := self._names[step.kind].get(each))]
            return _SENTENCES[step.kind].format(", ".join(names) or "nobody")
        match step.kind:
            case StepKind.WAIT:
                return f"wait {describe_seconds(step.seconds)}"
            case StepKind.IF_TIME:
                return f"go on only between {step.start} and {step.end} ({step.zone})"
            case StepKind.IF_COUNT:
                return f"go on only if more than {step.count} alerts began within {describe_seconds(step.seconds)}"
            case StepKind.DECLARE_INCIDENT:
                return "declare an incident"
        return "begin anew"


def _read_names(kind: StepKind, ids: Iterable[int]) -> dict[int, str]:
    match kind:
        case StepKind.CHANNEL:
            return dict(Channel.objects.filter(pk__in=ids).values_list("pk", "name"))
        case StepKind.TEAM:
            return dict(Group.objects.filter(pk__in=ids).values_list("pk", "name"))
        case StepKind.SCHEDULE:
            return dict(OnCallSchedule.objects.filter(pk__in=ids).values_list("pk", "name"))
    return {person.pk: str(person.get_full_name() or person) for person in get_user_model().objects.filter(pk__in=ids)}
