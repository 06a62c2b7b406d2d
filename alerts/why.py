"""Why an alert did or did not reach a person, in sentences. Pure: facts in, sentences out, `now` passed in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Message:
    """One message about the alert to this person; `cause` is what led to it, empty if that is not on record."""

    at: datetime
    reason: str
    way: str
    address: str
    state: str
    detail: str = ""
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a policy: what it does in words, and whether this person was, or would be, reached by it.

    `aside`: the person has to do with it, but it reaches somebody else, or nobody, and this is why. `taken_at` is when it
    was taken, None if that is not known; `comes_at` when it is taken next, None if nobody knows or it is not.
    """

    number: int
    words: str
    reaches: bool
    taken: bool
    aside: str = ""
    taken_at: datetime | None = None
    comes_at: datetime | None = None


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
    told += dict.fromkeys(message.cause for message in case.messages if message.cause)
    if any(message.state == "sent" for message in case.messages):
        return told + [_describe_hold(held) for held in case.holds]
    answer = told or [f"{case.person} was not told."]
    return answer + list(_list_reasons(case, now))


def _list_reasons(case: Case, now: datetime) -> Iterable[str]:
    yield from (_describe_hold(held) for held in case.holds)
    if not case.paths:
        yield "It went nowhere: neither its rule nor the routes named a policy or a channel."
    for path in case.paths:
        yield from _explain_path(path, case, now)


def _explain_path(path: Path, case: Case, now: datetime) -> Iterable[str]:
    mine = [step for step in path.steps if step.reaches or step.aside]
    if not path.steps:
        yield f"“{path.name}” reaches nobody."
    elif not mine:
        does = "; ".join(step.words for step in path.steps)
        yield f"“{path.name}” has no step that reaches {case.person}: {does}."
    elif not path.looked:
        yield _describe_collecting(path, case)
    else:
        yield from _explain_steps(path, mine, case, now)


def _explain_steps(path: Path, mine: Sequence[Step], case: Case, now: datetime) -> Iterable[str]:
    """Say of each step that was taken where it went, and of the first that was not why it was not."""
    for step in mine:
        if step.taken and step.aside:
            yield f"{_name(path, step)} was taken{_when(step.taken_at)}: {step.aside}."
        elif step.taken and not case.messages:
            yield (
                f"{_name(path, step)} reaches {case.person} and was taken{_when(step.taken_at)}, but no message is on record."
            )
    waiting = next((step for step in mine if not step.taken), None)
    if waiting is not None and not any(step.taken and step.reaches for step in mine):
        yield _describe_not_taken(path, waiting, case, now)


def _name(path: Path, step: Step) -> str:
    return f"Step {step.number} of “{path.name}” ({step.words})"


def _when(moment: datetime | None) -> str:
    return f" at {_write(moment)}" if moment is not None else ""


def _describe_collecting(path: Path, case: Case) -> str:
    if case.resolved_at is not None:
        return f"It was over at {_write(case.resolved_at)}, before “{path.name}” told anybody."
    return f"“{path.name}” still collects alerts and tells them at {_write(path.look_at)}."


def _describe_not_taken(path: Path, step: Step, case: Case, now: datetime) -> str:
    reaching = f"{_name(path, step)} reaches {case.person}"
    if step.aside:
        reaching = f"{_name(path, step)} would not reach {case.person} as things stand: {step.aside}"
    if case.acknowledged_at is not None:
        return (
            f"{reaching}, but {case.acknowledged_by} acknowledged the alert at {_write(case.acknowledged_at)}, before."
        )
    if case.resolved_at is not None:
        return f"{reaching}, but the alert was over at {_write(case.resolved_at)}, before."
    if step.comes_at is not None and step.comes_at > now:
        return f"{reaching}; it has not been taken yet. It comes at {_write(step.comes_at)}."
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


def describe_cause(*, number: int, path: str, words: str, taken_at: datetime | None, on_call: str = "") -> str:
    """Return which step led to a message. `on_call`: the schedule in which the person was on call then."""
    because = f": on call in “{on_call}”" if on_call else ""
    return (
        f"The cause was step {number} of “{path}” ({words}){', taken' + _when(taken_at) if taken_at else ''}{because}."
    )


def _describe_hold(held: Held) -> str:
    until = f"until {_write(held.ended_at)}" if held.ended_at is not None else "and still is"
    return f"{held.kind} from {_write(held.began_at)} {until}: {held.text}"


def _write(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%H:%M:%S UTC on %d %b}" if moment is not None else "the next look"
