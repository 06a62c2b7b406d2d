"""Why an alert did or did not reach a person, in sentences. Pure: facts in, sentences out, `now` passed in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Message:
    """One message about the alert to this person."""

    at: datetime
    reason: str
    way: str
    address: str
    state: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a policy: what it does in words, whether it reaches this person, whether it was taken."""

    number: int
    words: str
    reaches: bool
    taken: bool


@dataclass(frozen=True, slots=True)
class Path:
    """One way that the alert took: a destination's name, its steps, when it looks and goes on next."""

    name: str
    steps: Sequence[Step]
    looked: bool
    look_at: datetime | None
    step_at: datetime | None


@dataclass(frozen=True, slots=True)
class Held:
    """A time in which messages were held back."""

    kind: str
    text: str
    began_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Case:
    """What is known of an alert, as far as it concerns one person."""

    person: str
    fired_at: datetime | None
    resolved_at: datetime | None
    messages: Sequence[Message] = ()
    paths: Sequence[Path] = ()
    holds: Sequence[Held] = ()
    acknowledged_at: datetime | None = None
    acknowledged_by: str = ""


def explain(case: Case, *, now: datetime) -> list[str]:
    """Return why the person was, or was not, told of the alert: the answer first, then what led to it."""
    if case.fired_at is None:
        return ["Nobody was told: it never fired."]
    told = [_describe_message(case.person, message) for message in case.messages]
    if any(message.state == "sent" for message in case.messages):
        return told + [_describe_hold(held) for held in case.holds]
    answer = told or [f"{case.person} was not told."]
    return answer + list(_list_reasons(case, now))


def _list_reasons(case: Case, now: datetime) -> Iterable[str]:
    yield from (_describe_hold(held) for held in case.holds)
    if not case.paths:
        yield "It went nowhere: neither its rule nor the routes named a policy or a channel."
    for path in case.paths:
        if not path.steps:
            yield f"“{path.name}” reaches nobody."
            continue
        mine = [step for step in path.steps if step.reaches]
        if not mine:
            does = "; ".join(step.words for step in path.steps)
            yield f"“{path.name}” has no step that reaches {case.person}: {does}."
        elif not path.looked:
            yield _describe_collecting(path, case)
        elif not any(step.taken for step in mine):
            yield _describe_not_taken(path, mine[0], case, now)


def _describe_collecting(path: Path, case: Case) -> str:
    if case.resolved_at is not None:
        return f"It was over at {_write(case.resolved_at)}, before “{path.name}” told anybody."
    return f"“{path.name}” still collects alerts and tells them at {_write(path.look_at)}."


def _describe_not_taken(path: Path, step: Step, case: Case, now: datetime) -> str:
    reaching = f"Step {step.number} of “{path.name}” ({step.words}) reaches {case.person}"
    if case.acknowledged_at is not None:
        return (
            f"{reaching}, but {case.acknowledged_by} acknowledged the alert at {_write(case.acknowledged_at)}, before."
        )
    if case.resolved_at is not None:
        return f"{reaching}, but the alert was over at {_write(case.resolved_at)}, before."
    if path.step_at is not None and path.step_at > now:
        return f"{reaching}; it has not been taken yet. The policy goes on at {_write(path.step_at)}."
    return f"{reaching}; it has not been taken."


def _describe_message(person: str, message: Message) -> str:
    ending = {
        "sent": "and was handed over",
        "queued": "and waits to be sent",
        "sending": "and is being sent",
        "failed": f"but failed: {message.detail}",
        "suppressed": f"but was not sent: {message.detail}",
    }[message.state]
    return f"At {_write(message.at)} ({message.reason}) a message went to {person} by {message.way} ({message.address}) {ending}."


def _describe_hold(held: Held) -> str:
    until = f"until {_write(held.ended_at)}" if held.ended_at is not None else "and still is"
    return f"{held.kind} from {_write(held.began_at)} {until}: {held.text}"


def _write(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%H:%M:%S UTC on %d %b}" if moment is not None else "the next look"
