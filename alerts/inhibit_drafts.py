"""Inhibitions and components before they are saved: checked as a whole, in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alerts.routing.components import MAX_COMPONENTS, Component, check_components
from alerts.routing.inhibition import InhibitRule, find_loops
from alerts.routing.matchers import MatcherInvalid, matches, parse_matchers

MAX_NAME = 100
MAX_INHIBITIONS = 1_000
MAX_EQUAL = 50
MAX_LABEL = 200
_TOO_WIDE = "This matches alerts that have none of these labels, so nearly all: name a label that they must have."


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


def check_inhibition(draft: InhibitDraft) -> None:
    """Raise DraftInvalid, with all that is wrong, unless it can be saved."""
    errors = {
        name: wrong
        for name, wrong in (
            ("name", _judge_name(draft.name)),
            ("source_matchers", _judge_side(draft.source_matchers)),
            ("target_matchers", _judge_side(draft.target_matchers)),
            ("equal", _judge_equal(draft.equal)),
        )
        if wrong
    }
    if errors:
        raise DraftInvalid(errors)


def warn_of_loops(rules: Sequence[tuple[str, InhibitRule]]) -> list[str]:
    """Return a warning, in words, for each ring of inhibitions (name and rule) by which alerts may inhibit each other."""
    names = [name for name, _ in rules]
    return [
        " inhibits what ".join([*(f"“{names[at]}”" for at in loop), f"“{names[loop[0]]}”"])
        + " inhibits. Where alerts hold each other in such a ring, the oldest of them is told."
        for loop in find_loops([rule for _, rule in rules])
    ]


def check_component(draft: ComponentDraft, *, component_id: int, others: Sequence[Component]) -> None:
    """Raise DraftInvalid unless a component can be saved beside the others; `component_id` 0: it is new."""
    errors = {}
    if wrong := _judge_name(draft.name):
        errors["name"] = wrong
    try:
        parsed = parse_matchers(draft.matchers)
    except MatcherInvalid as error:
        raise DraftInvalid({**errors, "matchers": str(error)}) from error
    if parsed and draft.application_id is None and matches(parsed, {}):
        errors["matchers"] = _TOO_WIDE
    rest = [other for other in others if other.component_id != component_id]
    known = {other.component_id for other in rest}
    if len(rest) >= MAX_COMPONENTS:
        errors["name"] = f"{MAX_COMPONENTS:,} components are possible at most."
    if component_id and component_id in draft.parent_ids:
        errors["depends_on"] = "A component can't need itself."
    elif not known.issuperset(draft.parent_ids):
        errors["depends_on"] = "It needs a component that does not exist."
    else:
        # Only what stands in the way of this one: its loops.
        new = Component(component_id, draft.name.strip() or "It", parents=draft.parent_ids)
        plain = [Component(other.component_id, other.name, parents=other.parents) for other in rest]
        if loops := [wrong for wrong in check_components([*plain, new]) if "in a loop" in wrong]:
            errors["depends_on"] = " ".join(loops)
    if errors:
        raise DraftInvalid(errors)


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
