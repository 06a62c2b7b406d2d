"""From OnCall's lists to chains of steps, or to everything that is wrong with them. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from alerts.chains.records import MAX_CHAINS, Chain, ChainFile, ChainFileInvalid, ChainStep, Remark, Target
from alerts.chains.shapes import (
    Errors,
    Item,
    TooManyErrors,
    list_items,
    read_clock,
    read_flag,
    read_number,
    read_text,
    read_texts,
)
from alerts.escalation import MAX_ROUNDS, MAX_TARGETS, StepKind

MAX_NAME = 100
MAX_POSITION = 1_000_000
#: What OnCall waits if a wait does not say how long.
DEFAULT_WAIT_SECONDS = 300
MAX_WAIT_SECONDS = 7 * 86_400
MAX_WINDOW_MINUTES = 1440
MAX_COUNT = 1_000_000
_LISTS = ("escalation_chains", "escalation_policies", "users", "schedules", "teams", "user_groups", "webhooks")


@dataclass(slots=True)
class _Row:
    """A step of the document: what it becomes here (None: nothing) and what is said about that."""

    path: str
    chain_id: str
    place: tuple[int, int]
    kind: str
    important: bool
    step: ChainStep | None = None
    remarks: list[Remark] = field(default_factory=list)

    def leave_out(self, message: str) -> None:
        """Say why it becomes nothing, or not all that it was."""
        self.remarks.append(Remark(self.path, message))


class _Reader:
    """One document being read."""

    def __init__(self, document: Item, errors: Errors) -> None:
        self.document, self.errors = document, errors
        self.directories = {name: self._read_directory(name) for name in _LISTS[2:]}

    def read_chains(self) -> list[tuple[str, str, str]]:
        """Return path, id and name of each chain."""
        chains: list[tuple[str, str, str]] = []
        ids: set[str] = set()
        names: set[str] = set()
        for path, item in list_items(self.document, "escalation_chains", self.errors, required=True):
            chain_id = read_text(item, path, "id", self.errors, required=True)
            name = read_text(item, path, "name", self.errors, required=True)
            if len(name) > MAX_NAME:
                self.errors.add(f"{path}.name", f"A policy's name has {MAX_NAME} characters at most here.")
            if chain_id and chain_id in ids:
                self.errors.add(f"{path}.id", f"“{chain_id}” is there twice. Put in each page once.")
            elif name and name in names:
                self.errors.add(f"{path}.name", f"Two chains are called “{name}”; policies are known by their names.")
            ids.add(chain_id)
            names.add(name)
            chains.append((path, chain_id, name))
        if len(chains) > MAX_CHAINS:
            self.errors.add("escalation_chains", f"{MAX_CHAINS} chains are taken at once. Import them in parts.")
        if not chains and not self.errors.found:
            self.errors.add("escalation_chains", "There is no chain in it. Was the key allowed to read them?")
        return chains

    def read_rows(self) -> list[_Row]:
        """Return all steps, each checked and read by itself."""
        rows = []
        for number, (path, item) in enumerate(
            list_items(self.document, "escalation_policies", self.errors, required=True)
        ):
            chain_id = read_text(item, path, "escalation_chain_id", self.errors, required=True)
            position = read_number(item, path, "position", self.errors, most=MAX_POSITION)
            if item.get("position") is None:
                self.errors.add(f"{path}.position", "The place of the step in its chain must stand here, from 0.")
            important = read_flag(item, path, "important", self.errors)
            row = _Row(path, chain_id, (position or 0, number), self._read_type(item, path), important)
            if row.kind:
                _READERS[row.kind](self, row, item)
            rows.append(row)
        return rows

    def read_nothing(self, row: _Row, item: Item) -> None:
        """Leave out a step that has no counterpart here."""
        row.leave_out(_WITHOUT_COUNTERPART[row.kind])

    def read_wait(self, row: _Row, item: Item) -> None:
        """Read how long it waits."""
        seconds = read_number(item, row.path, "duration", self.errors, most=MAX_WAIT_SECONDS)
        if seconds is None:
            seconds = DEFAULT_WAIT_SECONDS
            row.leave_out("It does not say how long to wait; as in OnCall, that is 5 min.")
        if seconds == 0:
            row.leave_out("It waits 0 s, so it is left out.")
            return
        row.step = ChainStep(row.path, StepKind.WAIT, seconds=seconds)

    def read_persons(self, row: _Row, item: Item) -> None:
        """Read people who are told at once, or one of them in turn."""
        kind, name = _PERSONS[row.kind]
        self._set_targets(row, kind, "users", read_texts(item, row.path, name, self.errors, most=MAX_TARGETS))

    def read_schedule(self, row: _Row, item: Item) -> None:
        """Read whose turn decides."""
        found = read_text(item, row.path, "notify_on_call_from_schedule", self.errors)
        self._set_targets(row, StepKind.SCHEDULE, "schedules", [found])

    def read_team(self, row: _Row, item: Item) -> None:
        """Read a team."""
        names = ("team_to_notify", "notify_to_team_members")
        found = [read_text(item, row.path, name, self.errors) for name in names]
        self._set_targets(row, StepKind.TEAM, "teams", [found[0] or found[1]])

    def read_group(self, row: _Row, item: Item) -> None:
        """Read a user group of Slack: a team here."""
        one = read_text(item, row.path, "group_to_notify", self.errors)
        many = read_texts(item, row.path, "groups_to_notify", self.errors, most=MAX_TARGETS)
        self._set_targets(row, StepKind.TEAM, "user_groups", [one] if one else many)

    def read_webhook(self, row: _Row, item: Item) -> None:
        """Read a webhook: a channel here."""
        found = read_text(item, row.path, "action_to_trigger", self.errors)
        self._set_targets(row, StepKind.CHANNEL, "webhooks", [found])

    def read_hours(self, row: _Row, item: Item) -> None:
        """Read the hours in which it goes on."""
        names = ("notify_if_time_from", "notify_if_time_to")
        start, end = (read_clock(item, row.path, name, self.errors) for name in names)
        if not start or not end or start == end:
            row.leave_out("It names no stretch of time, so it is left out: escalation goes on there at any hour.")
            return
        row.step = ChainStep(row.path, StepKind.IF_TIME, start=start, end=end)

    def read_count(self, row: _Row, item: Item) -> None:
        """Read how many alerts it takes to go on."""
        count = read_number(item, row.path, "num_alerts_in_window", self.errors, most=MAX_COUNT)
        minutes = read_number(item, row.path, "num_minutes_in_window", self.errors, most=MAX_COUNT)
        if not count or not minutes or minutes > MAX_WINDOW_MINUTES:
            row.leave_out(
                "It does not count at least one alert within 1 minute to 1 day, so it is left out: escalation goes on there, "
                "however few alerts there are."
            )
            return
        row.step = ChainStep(row.path, StepKind.IF_COUNT, seconds=minutes * 60, count=count)

    def read_incident(self, row: _Row, item: Item) -> None:
        """Read a declaration; its priority follows from the alerts here."""
        row.step = ChainStep(row.path, StepKind.DECLARE_INCIDENT)

    def read_repeat(self, row: _Row, item: Item) -> None:
        """Read a repetition: as often as OnCall repeats."""
        row.step = ChainStep(row.path, StepKind.REPEAT, count=MAX_ROUNDS)

    def _read_type(self, item: Item, path: str) -> str:
        """Return a type that is known; empty if it is an error, or none was chosen."""
        if "type" in item and item["type"] is None:
            return _UNDECIDED
        kind = read_text(item, path, "type", self.errors, required=True)
        if kind and kind not in _READERS:
            known = ", ".join(sorted(set(_READERS) - {_UNDECIDED}))
            self.errors.add(f"{path}.type", f"“{kind}” is not a step of OnCall that is known here: {known}.")
            return ""
        return kind

    def _set_targets(self, row: _Row, kind: StepKind, directory: str, ids: Iterable[str]) -> None:
        wanted = [each for each in ids if each]
        known = self.directories[directory]
        for each in wanted:
            if each not in known:
                row.leave_out(
                    f"“{each}” is not among the {directory} of the document, so nobody knows who that is; it is left out. Add "
                    f"what /api/v1/{directory}/ answers."
                )
        targets = tuple(known[each] for each in wanted if each in known)
        if targets:
            row.step = ChainStep(row.path, kind, targets)
        elif not wanted:
            row.leave_out("It names nobody, so it is left out.")

    def _read_directory(self, name: str) -> dict[str, Target]:
        """Return what a list names, by id."""
        found = {}
        for path, item in list_items(self.document, name, self.errors):
            key = read_text(item, path, "id", self.errors, required=True)
            found[key] = self._read_target(name, item, path)
        return found

    def _read_target(self, name: str, item: Item, path: str) -> Target:
        if name == "users":
            username = read_text(item, path, "username", self.errors)
            return Target((username,) if username else (), read_text(item, path, "email", self.errors))
        slack = item.get("slack")
        if name == "user_groups" and isinstance(slack, dict):
            names = [read_text(slack, f"{path}.slack", each, self.errors) for each in ("name", "handle")]
            return Target(tuple(each for each in names if each))
        called = read_text(item, path, "name", self.errors)
        return Target((called,) if called else ())


_UNDECIDED = "(none)"
_PERSONS: Mapping[str, tuple[StepKind, str]] = {
    "notify_persons": (StepKind.PERSON, "persons_to_notify"),
    "notify_person_next_each_time": (StepKind.ROUND_ROBIN, "persons_to_notify_next_each_time"),
}
_WITHOUT_COUNTERPART: Mapping[str, str] = {
    _UNDECIDED: "Nobody chose in OnCall what this step does; it is left out.",
    "notify_one_person": "OnCall does not say whom this step of an older version tells; it is left out. Add a step that tells them.",
    "notify_whole_channel": "OnCall does not say which channel of Slack this step means; it is left out. Add a step that tells a channel.",
    "resolve": "Alerts end here when what they are about is over, not by a step; it is left out, with what follows it and was never "
    "reached.",
}
_READERS: Mapping[str, Callable[[_Reader, _Row, Item], None]] = {
    **dict.fromkeys(_WITHOUT_COUNTERPART, _Reader.read_nothing),
    **dict.fromkeys(_PERSONS, _Reader.read_persons),
    "wait": _Reader.read_wait,
    "notify_on_call_from_schedule": _Reader.read_schedule,
    "notify_team_members": _Reader.read_team,
    "notify_user_group": _Reader.read_group,
    "trigger_webhook": _Reader.read_webhook,
    "trigger_action": _Reader.read_webhook,
    "notify_if_time_from_to": _Reader.read_hours,
    "notify_if_num_alerts_in_window": _Reader.read_count,
    "declare_incident": _Reader.read_incident,
    "repeat_escalation": _Reader.read_repeat,
}


def read_chains(document: object) -> ChainFile:
    """Return the chains of a document, in its order; raise ChainFileInvalid with all that is wrong, up to 100 things."""
    if not isinstance(document, dict):
        message = f"A JSON object with the lists {', '.join(_LISTS[:2])} (and {', '.join(_LISTS[2:])}) must stand here."
        raise ChainFileInvalid([Remark("", message)])
    errors = Errors()
    try:
        reader = _Reader(document, errors)
        chains, rows = reader.read_chains(), reader.read_rows()
    except TooManyErrors:
        raise ChainFileInvalid(errors.found) from None
    if errors.found:
        raise ChainFileInvalid(errors.found)
    return _join(chains, rows)


def _join(chains: Iterable[tuple[str, str, str]], rows: Iterable[_Row]) -> ChainFile:
    """Give each chain its steps, in order."""
    steps_of: dict[str, list[_Row]] = defaultdict(list)
    for row in rows:
        steps_of[row.chain_id].append(row)
    joined = tuple(_make_chain(path, name, steps_of.pop(chain_id, [])) for path, chain_id, name in chains)
    strays = [row for left in steps_of.values() for row in left]
    remarks = []
    if strays:
        message = f"Steps of chains that are not in the document are left out: {len(strays)}, the first of them here."
        remarks.append(Remark(min(strays, key=lambda row: row.place[1]).path, message))
    return ChainFile(joined, tuple(remarks))


def _make_chain(path: str, name: str, rows: Iterable[_Row]) -> Chain:
    reached = []
    for row in sorted(rows, key=lambda row: row.place):
        reached.append(row)
        if row.kind == "resolve":
            break
    remarks = [remark for row in reached for remark in row.remarks]
    if any(row.important for row in reached):
        message = (
            "“Important” is not kept: here people choose themselves how they are reached, by the severity of the alert."
        )
        remarks.append(Remark(path, message))
    return Chain(path, name, tuple(row.step for row in reached if row.step is not None), tuple(remarks))
