"""Steps of escalation policies in words, everywhere the same: stored ones, those of a snapshot, those about to be made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group

from alerts.escalation import Step, StepKind
from alerts.models import Channel, OnCallSchedule, Policy, PolicyStep
from alerts.oncall.hours import write_days
from alerts.rosters import name_person
from alerts.selectors import read_step
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
        return write_step(step, self._names.get(step.kind, {}))


def describe_steps(policy: Policy) -> list[str]:
    """Return what each step of a policy does, each a sentence without its full stop. Reads nothing if steps and targets are prefetched."""
    return [_capitalise(write_step(read_step(row), _names_of(row))) for row in policy.steps.all()]


def write_step(step: Step, names: Mapping[int, str]) -> str:
    """Return what a step does, as the rest of a sentence; `names` of its targets by id. Who is gone is left out."""
    if step.kind in _SENTENCES:
        known = [name for each in step.targets if (name := names.get(each))]
        return _SENTENCES[step.kind].format(", ".join(known) or "nobody")
    match step.kind:
        case StepKind.WAIT:
            return f"wait {describe_seconds(step.seconds)}"
        case StepKind.IF_TIME:
            days = f" on {write_days(step.weekdays)}" if 0 < len(set(step.weekdays)) < 7 else ""
            return f"go on only between {step.start} and {step.end}{days} ({step.zone})"
        case StepKind.IF_COUNT:
            return f"go on only if more than {step.count} alerts began within {describe_seconds(step.seconds)}"
        case StepKind.DECLARE_INCIDENT:
            return "declare an incident"
    return f"begin anew, {step.count} times at most" if step.count != 1 else "begin anew, once at most"


def _capitalise(words: str) -> str:
    return words[:1].upper() + words[1:]


def _names_of(row: PolicyStep) -> dict[int, str]:
    match StepKind(row.kind):
        case StepKind.CHANNEL:
            return {channel.pk: _name_channel(channel.name, channel.enabled) for channel in row.channels.all()}
        case StepKind.TEAM:
            return {team.pk: team.name for team in row.teams.all()}
        case StepKind.SCHEDULE:
            return {schedule.pk: schedule.name for schedule in row.schedules.all()}
        case StepKind.PERSON | StepKind.ROUND_ROBIN:
            return {person.pk: name_person(person) for person in row.people.all()}
    return {}


def _read_names(kind: StepKind, ids: Iterable[int]) -> dict[int, str]:
    match kind:
        case StepKind.CHANNEL:
            found = Channel.objects.filter(pk__in=ids).values_list("pk", "name", "enabled")
            return {pk: _name_channel(name, is_on) for pk, name, is_on in found}
        case StepKind.TEAM:
            return dict(Group.objects.filter(pk__in=ids).values_list("pk", "name"))
        case StepKind.SCHEDULE:
            return dict(OnCallSchedule.objects.filter(pk__in=ids).values_list("pk", "name"))
    return {person.pk: name_person(person) for person in get_user_model().objects.filter(pk__in=ids)}


def _name_channel(name: str, is_on: bool) -> str:
    """Return a channel's name, and that it rests: whoever reads the step must not count on it."""
    return name if is_on else f"{name} (switched off)"
