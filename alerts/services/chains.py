"""Policies from Grafana OnCall's escalation chains, all or nothing."""

from __future__ import annotations

import dataclasses
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower

from alerts.chains import (
    Chain,
    ChainFile,
    ChainFileInvalid,
    ChainStep,
    Remark,
    Target,
    find_misplaced,
    read_chains,
)
from alerts.escalation import REACHING, Step, find_errors
from alerts.models import Channel, OnCallSchedule, Policy
from alerts.selectors import read_policies_named
from alerts.services.policies import (
    TARGET_FIELDS,
    PolicyInvalid,
    StepDraft,
    count_policies_left,
    lock_policies,
    make_draft,
    save_policy,
    write_too_many_policies,
)
from alerts.steps import StepWriter

#: What is said of one chain, beside how much there would be to say.
MAX_REMARKS = 50


class Outcome(StrEnum):
    """What an import does with a chain."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    KEPT = "kept"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class ImportedPolicy:
    """One chain of the document: what becomes of it, its steps in words, and what of it is not taken over.

    `kept`: a policy of this name is here and stays as it is; `refused`: none can be made of it. The first remark says why.
    """

    name: str
    path: str
    outcome: Outcome
    steps: tuple[str, ...]
    remarks: tuple[Remark, ...]


@dataclass(frozen=True, slots=True)
class ImportedChains:
    """What an import does with the chains of a document, in its order, and what it says beside them."""

    policies: tuple[ImportedPolicy, ...]
    remarks: tuple[Remark, ...]

    def count(self, outcome: Outcome) -> int:
        """Return how many chains come to this."""
        return sum(policy.outcome is outcome for policy in self.policies)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is to be done for one chain: `policy` is the one to be written, with `drafts` as its steps."""

    chain: Chain
    policy: Policy
    drafts: tuple[StepDraft, ...]
    outcome: Outcome
    remarks: tuple[Remark, ...]


def import_chains(*, document: object, application_id: int | None, replace: bool = False) -> ImportedChains:
    """Make policies of a document's chains; raise ChainFileInvalid, and store nothing, if anything in it is wrong.

    They belong to the application, None: to all. A policy that is here already is found by its name; it stays as it is
    unless `replace` is chosen, and always if it belongs to somebody else. Then its steps become those of the chain; its
    grouping and patience stay. The same document twice changes nothing.
    """
    file = read_chains(document)
    with transaction.atomic():
        lock_policies()
        plans, imported = _plan(file, application_id, replace)
        _write(plans)
    return imported


def preview_chains(*, document: object, application_id: int | None, replace: bool = False) -> ImportedChains:
    """Return what import_chains would do now; raise ChainFileInvalid. Nothing is stored."""
    return _plan(read_chains(document), application_id, replace)[1]


def _write(plans: Iterable[_Plan]) -> None:
    """Save what is new or changed; raise ChainFileInvalid with all that can't be saved."""
    errors = []
    for plan in plans:
        if plan.outcome in {Outcome.CREATED, Outcome.CHANGED}:
            try:
                save_policy(policy=plan.policy, steps=plan.drafts)
            except PolicyInvalid as error:
                errors += [Remark(plan.chain.path, words) for words in error.errors]
    if errors:
        raise ChainFileInvalid(errors)


def _plan(file: ChainFile, application_id: int | None, replace: bool) -> tuple[list[_Plan], ImportedChains]:
    register = _Register((step for chain in file.chains for step in chain.steps), application_id)
    here = read_policies_named(chain.name for chain in file.chains)
    plans = [_plan_chain(chain, register, here.get(chain.name), application_id, replace) for chain in file.chains]
    _check_room(plans, application_id)
    writer = StepWriter(draft.step for plan in plans for draft in plan.drafts)
    policies = (
        ImportedPolicy(
            plan.chain.name,
            plan.chain.path,
            plan.outcome,
            tuple(writer.write(draft.step) for draft in plan.drafts),
            plan.remarks,
        )
        for plan in plans
    )
    return plans, ImportedChains(tuple(policies), file.remarks)


def _check_room(plans: Iterable[_Plan], application_id: int | None) -> None:
    """Raise ChainFileInvalid, with the chains for which there is no room, if there would be more policies than there can be."""
    created = [plan for plan in plans if plan.outcome is Outcome.CREATED]
    if crowded := created[count_policies_left(application_id=application_id) :]:
        raise ChainFileInvalid(Remark(plan.chain.path, write_too_many_policies()) for plan in crowded)


def _plan_chain(
    chain: Chain,
    register: _Register,
    found: tuple[Policy, tuple[Step, ...]] | None,
    application_id: int | None,
    replace: bool,
) -> _Plan:
    drafts, lost = _draft_steps(chain, register)
    remarks = [*chain.remarks, *lost]
    policy = found[0] if found is not None else Policy(name=chain.name, application_id=application_id)
    outcome, why = Outcome.CREATED, ""
    if not any(draft.step.kind in REACHING for draft in drafts):
        outcome, why = Outcome.REFUSED, "No step of it would reach anybody here, so it is not imported."
    elif errors := find_errors([draft.step for draft in drafts]):
        outcome, why = Outcome.REFUSED, f"It is not imported: {' '.join(errors)}"
    elif found is not None:
        outcome, why = _compare(found, drafts, application_id, replace)
    if why:
        remarks.insert(0, Remark(chain.path, why))
    return _Plan(chain, policy, tuple(drafts), outcome, _cut(sorted(remarks, key=_order_remark), chain.path))


def _cut(remarks: Sequence[Remark], path: str) -> tuple[Remark, ...]:
    """Return the first remarks, and how many there are beside them: a document of ids that are nobody's says them all again."""
    left = len(remarks) - MAX_REMARKS
    return tuple(remarks) if left <= 0 else (*remarks[:MAX_REMARKS], Remark(path, f"… and {left:,} more."))


def _order_remark(remark: Remark) -> list[tuple[int, str]]:
    """Sort what is said of the chain before what is said of its steps, and these as they stand in the document."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", remark.path)]


def _compare(
    found: tuple[Policy, tuple[Step, ...]], drafts: Sequence[StepDraft], application_id: int | None, replace: bool
) -> tuple[Outcome, str]:
    """Return what becomes of a policy that is here already, and why if it is not what the document says."""
    policy, steps = found
    if policy.application_id != application_id:
        return (
            Outcome.KEPT,
            "A policy of this name is here and belongs to others. Rename the chain, or choose whose it is.",
        )
    if [_comparable(step) for step in steps] == [_comparable(draft.step) for draft in drafts]:
        return Outcome.UNCHANGED, ""
    if not replace:
        return Outcome.KEPT, "A policy of this name is here, with other steps. It stays as it is unless it is replaced."
    return Outcome.CHANGED, ""


def _comparable(step: Step) -> Step:
    return dataclasses.replace(step, targets=tuple(sorted(step.targets)))


def _draft_steps(chain: Chain, register: _Register) -> tuple[list[StepDraft], list[Remark]]:
    """Return the steps that can be taken over, and why others can't."""
    drafts, remarks, taken = [], [], []
    for written in chain.steps:
        rows, lost = register.find_rows(written)
        remarks += [Remark(written.path, words) for words in lost]
        if rows or written.kind not in REACHING:
            drafts.append(
                make_draft(
                    written.kind,
                    rows,
                    seconds=written.seconds,
                    count=written.count,
                    start=written.start,
                    end=written.end,
                )
            )
            taken.append(written)
    misplaced = find_misplaced([draft.step for draft in drafts])
    remarks += [Remark(taken[place].path, words) for place, words in misplaced.items()]
    return [draft for place, draft in enumerate(drafts) if place not in misplaced], remarks


class _Register:
    """Who and what is here of all that the steps name: one query for each kind of it."""

    def __init__(self, steps: Iterable[ChainStep], application_id: int | None) -> None:
        wanted: dict[str, list[Target]] = defaultdict(list)
        for step in steps:
            if step.kind in TARGET_FIELDS:
                wanted[TARGET_FIELDS[step.kind]] += step.targets
        self._emails: dict[str, list[Any]] = defaultdict(list)
        self._names: dict[str, dict[str, list[Any]]] = {}
        for field, targets in wanted.items():
            self._names[field] = self._read(field, targets, application_id)

    def find_rows(self, step: ChainStep) -> tuple[list[Any], list[str]]:
        """Return whom a step reaches here, each once, and what is said of those it doesn't."""
        rows: dict[int, Any] = {}
        lost = []
        for target in step.targets:
            row, words = self._find(TARGET_FIELDS[step.kind], target)
            if row is not None:
                rows[row.pk] = row
            if words:
                lost.append(words)
        return list(rows.values()), lost

    def _find(self, field: str, target: Target) -> tuple[Any, str]:
        """Return a row or None, and what is to be said."""
        by_email = self._emails[target.email.lower()] if target.email and field == "people" else []
        by_name = next((found for name in target.names if (found := self._find_named(field, name))), [])
        if len(by_email) == 1:
            return by_email[0], ""
        both = [row for row in by_email if row in by_name]
        if len(both) == 1:
            return both[0], ""
        if by_email or len(by_name) > 1:
            return (
                None,
                f"Several {_NOUNS[field][1]} here can be “{target}”; it is left out. Add the right one to the policy.",
            )
        if not by_name:
            return None, f"There is no {_NOUNS[field][0]} “{target}” here{_REMEDIES[field]}"
        row = by_name[0]
        if field == "people" and target.email and row.email:
            return (
                row,
                f"“{target}” is found by the user name alone: here the address is another. Check that it is the same person.",
            )
        return row, ""

    def _find_named(self, field: str, name: str) -> list[Any]:
        """Return the row of this name, or else those whose name differs in upper and lower case only."""
        alike = self._names[field].get(name.lower(), [])
        return [row for row in alike if _name_of(row) == name] or alike

    def _read(self, field: str, targets: Sequence[Target], application_id: int | None) -> dict[str, list[Any]]:
        names = {name.lower() for target in targets for name in target.names}
        rows = _list_usable(field, application_id).annotate(lower=Lower("username" if field == "people" else "name"))
        if field == "people":
            emails = {target.email.lower() for target in targets if target.email}
            found = rows.annotate(lower_email=Lower("email")).filter(Q(lower__in=names) | Q(lower_email__in=emails))
        else:
            found = rows.filter(lower__in=names)
        known = defaultdict(list)
        for row in found.order_by("pk"):
            known[_name_of(row).lower()].append(row)
            if field == "people" and row.email:
                self._emails[row.email.lower()].append(row)
        return known


#: What steps reach, as one and as several, by the field that names them.
_NOUNS: Mapping[str, tuple[str, str]] = {
    "channels": ("channel", "channels"),
    "people": ("person", "people"),
    "schedules": ("on-call schedule", "on-call schedules"),
    "teams": ("team", "teams"),
}
_AGAIN = "import again with “replace”, or add {} to the policy."
_OWNED = f" that this policy can use; it is left out. Make one of this name, of the same application or of all, and {_AGAIN.format('it')}"
_REMEDIES: Mapping[str, str] = {
    "channels": _OWNED,
    "people": f" who is active; they are left out. Give them an account, and {_AGAIN.format('them')}",
    "schedules": _OWNED,
    "teams": f"; it is left out. Make a role of this name under People and roles, and {_AGAIN.format('it')}",
}


def _name_of(row: Any) -> str:
    return str(row.get_username() if hasattr(row, "get_username") else row.name)


def _list_usable(field: str, application_id: int | None) -> QuerySet[Any]:
    """Return what a policy may reach: channels and schedules of all or of its own application, every team, who is active."""
    usable = Q(application=None) | Q(application_id=application_id)
    match field:
        case "channels":
            return Channel.objects.filter(usable)
        case "schedules":
            return OnCallSchedule.objects.filter(usable)
        case "teams":
            return Group.objects.all()
        case _:
            return get_user_model().objects.filter(is_active=True)
