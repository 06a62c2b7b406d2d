"""Inhibitions and components before they are saved: checked as a whole, in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alerts.routing.components import Component, check_components
from alerts.routing.inhibition import InhibitRule
from alerts.routing.matchers import MatcherInvalid, matches, parse_matchers
from alerts.routing.rings import find_ring_of, find_rings

MAX_NAME = 100
MAX_INHIBITIONS = 1_000
MAX_EQUAL = 50
MAX_LABEL = 200
_TOO_WIDE = "This matches alerts that have none of these labels, so nearly all: name a label that they must have."

_NOT_ALL = (
    "Too many inhibitions are alike for all of them to be compared: there may be further rings. Name in each side a label "
    "with its value, like alertname, and they are few."
)


class DraftInvalid(Exception):
    """What can't be saved. `errors` says why, in words, by field."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(" ".join(errors.values()))
        self.errors = dict(errors)


@dataclass(frozen=True, slots=True)
class InhibitDraft:
    """What an inhibition is to be. Matchers are text. `application_id` None: alerts of all applications."""

    name: str
    source_matchers: str
    target_matchers: str
    equal: tuple[str, ...] = ()
    enabled: bool = True
    application_id: int | None = None


@dataclass(frozen=True, slots=True)
class ComponentDraft:
    """What a component is to be. `parent_ids`: what it directly needs. `application_id` None: of all applications."""

    name: str
    matchers: str
    application_id: int | None = None
    parent_ids: tuple[int, ...] = ()


def find_inhibition_errors(draft: InhibitDraft) -> dict[str, str]:
    """Return what stands in the way of saving it, by field, whatever else there is."""
    judged = {
        "name": _judge_name(draft.name),
        "source_matchers": _judge_side(draft.source_matchers),
        "target_matchers": _judge_side(draft.target_matchers),
        "equal": _judge_equal(draft.equal),
    }
    return {name: wrong for name, wrong in judged.items() if wrong}


def warn_of_rings(rules: Sequence[tuple[str, InhibitRule]], *, of: str | None = None) -> list[str]:
    """Return warnings, in words, of rings of inhibitions (name and rule) by which alerts may inhibit each other.

    `of`: the name of one of them; then only a ring that it is part of. Another warning says if not all could be compared.
    """
    names = [name for name, _ in rules]
    judged = [rule for _, rule in rules]
    if of is not None and of not in names:
        return []
    rings = find_rings(judged) if of is None else find_ring_of(judged, names.index(of))
    found = [_describe_ring([names[place] for place in ring]) for ring in rings.found]
    return found if rings.is_complete else [*found, _NOT_ALL]


def _describe_ring(names: Sequence[str]) -> str:
    """Return one ring in words, from the name that comes first in the alphabet: the same ring is said the same."""
    first = names.index(min(names))
    ordered = [*names[first:], *names[:first], names[first]]
    ring = " inhibits what ".join(f"“{name}”" for name in ordered)
    return f"{ring} inhibits. Where alerts hold each other in such a ring, the oldest of them is told."


def find_component_errors(draft: ComponentDraft, *, component_id: int, others: Sequence[Component]) -> dict[str, str]:
    """Return what stands in the way of saving a component beside the others, by field; `component_id` 0: it is new."""
    judged = {
        "name": _judge_name(draft.name),
        "matchers": _judge_own(draft),
        "depends_on": _judge_needs(draft, component_id, others),
    }
    return {name: wrong for name, wrong in judged.items() if wrong}


def _judge_own(draft: ComponentDraft) -> str:
    try:
        parsed = parse_matchers(draft.matchers)
    except MatcherInvalid as error:
        return str(error)
    return _TOO_WIDE if parsed and draft.application_id is None and matches(parsed, {}) else ""


def _judge_needs(draft: ComponentDraft, component_id: int, others: Sequence[Component]) -> str:
    if component_id and component_id in draft.parent_ids:
        return "A component can't need itself."
    rest = [other for other in others if other.component_id != component_id]
    if not {other.component_id for other in rest}.issuperset(draft.parent_ids):
        return "It needs a component that does not exist."
    # Only what stands in the way of this one: its loops.
    new = Component(component_id, draft.name.strip() or "It", parents=draft.parent_ids)
    plain = [Component(other.component_id, other.name, parents=other.parents) for other in rest]
    return " ".join(wrong for wrong in check_components([*plain, new]) if "in a loop" in wrong)


def _judge_name(name: str) -> str:
    if not name.strip():
        return "Give it a name."
    return f"A name can have {MAX_NAME} characters at most." if len(name.strip()) > MAX_NAME else ""


def _judge_equal(names: Sequence[str]) -> str:
    if len(names) > MAX_EQUAL:
        return f"Name {MAX_EQUAL} labels at most."
    if any(not name.strip() for name in names):
        return "A label has a name."
    return f"A label can have {MAX_LABEL} characters at most." if any(len(name) > MAX_LABEL for name in names) else ""


def _judge_side(text: str) -> str:
    try:
        parsed = parse_matchers(text)
    except MatcherInvalid as error:
        return str(error)
    if not parsed:
        return "Say which alerts: without matchers it would be all of them."
    return _TOO_WIDE if matches(parsed, {}) else ""
