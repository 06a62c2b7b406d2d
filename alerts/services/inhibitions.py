"""Inhibitions: saved, switched, deleted; those that come with the product are installed like its rules."""

from __future__ import annotations

from typing import Any

from django.db import connection, transaction
from django.db.models import Q

from alerts.builtin import BUILTIN_INHIBITIONS, BuiltinInhibition
from alerts.inhibit_drafts import (
    MAX_INHIBITIONS,
    DraftInvalid,
    InhibitDraft,
    find_inhibition_errors,
    warn_of_rings,
)
from alerts.models import InhibitRule
from alerts.selectors import read_inhibitions
from config.nudges import Nudge

_turn = Nudge("alerts.tasks.notify", "evaluate")
#: Two changes at once could give one name twice.
_LOCK = "LOCK TABLE alerts_inhibitrule IN SHARE ROW EXCLUSIVE MODE"


class BuiltinKept(Exception):
    """What came with the product is switched off, not deleted: the next start would bring it back."""


@transaction.atomic
def save_inhibition(*, draft: InhibitDraft, rule: InhibitRule | None = None) -> InhibitRule:
    """Make or change an inhibition; raise DraftInvalid. It holds and releases alerts at once."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK)
    check_new_inhibition(draft=draft, rule_id=rule.pk if rule is not None else None)
    row = InhibitRule() if rule is None else InhibitRule.objects.select_for_update().get(pk=rule.pk)
    row.name, row.enabled, row.equal = draft.name.strip(), draft.enabled, list(draft.equal)
    row.application_id = draft.application_id
    row.source_matchers, row.target_matchers = draft.source_matchers.strip(), draft.target_matchers.strip()
    row.save()
    _turn.on_commit()
    return row


def check_new_inhibition(*, draft: InhibitDraft, rule_id: int | None) -> None:
    """Raise DraftInvalid, with all that is wrong, unless an inhibition can be saved beside the others; `rule_id` None: it is new."""
    errors = find_inhibition_errors(draft)
    others = InhibitRule.objects.exclude(Q(pk=rule_id))
    if others.filter(name=draft.name.strip()).exists():
        errors.setdefault("name", "There is an inhibition of this name.")
    if others.filter(Q(application_id=draft.application_id)).count() >= MAX_INHIBITIONS:
        errors.setdefault("name", f"There can be {MAX_INHIBITIONS:,} of one application, or for all, at most.")
    if errors:
        raise DraftInvalid(errors)


def list_ring_warnings(*, rule: InhibitRule | None = None, application_id: int | None = None) -> list[str]:
    """Return warnings of rings among the inhibitions that are on: of all, or of one that `rule` is part of.

    With an application only those about its alerts are looked at, so that no others are named.
    """
    rules = read_inhibitions(application_id=application_id)
    return warn_of_rings(rules, of=rule.name if rule is not None else None)


@transaction.atomic
def set_inhibitions_enabled(*, rule_ids: list[int], enabled: bool) -> int:
    """Switch inhibitions on or off; return how many changed."""
    changed = InhibitRule.objects.filter(pk__in=rule_ids).exclude(enabled=enabled).update(enabled=enabled)
    _turn.on_commit()
    return changed


@transaction.atomic
def delete_inhibition(*, rule: InhibitRule) -> None:
    """Delete an inhibition of one's own; what it held is told. Raise BuiltinKept."""
    if rule.is_builtin:
        raise BuiltinKept("This inhibition came with Postlaunch: switch it off instead.")
    rule.delete()
    _turn.on_commit()


@transaction.atomic
def install_inhibitions() -> int:
    """Create missing built-in inhibitions and update older ones, but for what was edited; return how many changed."""
    known = {rule.builtin_key: rule for rule in InhibitRule.objects.exclude(builtin_key="").select_for_update()}
    return sum(_install(known.get(shipped.key), shipped) for shipped in BUILTIN_INHIBITIONS)


def _install(rule: InhibitRule | None, shipped: BuiltinInhibition) -> bool:
    if rule is None:
        row = InhibitRule(builtin_key=shipped.key)
        edited: set[str] = set()
    elif rule.builtin_version >= shipped.version:
        return False
    else:
        row, before = rule, rule.builtin_shipped
        edited = {name for name in before if getattr(rule, name) != before[name]}
    values: dict[str, Any] = shipped.shipped()
    if InhibitRule.objects.filter(name=shipped.name).exclude(pk=row.pk).exists():
        # Somebody made one of this name; theirs stays, and ours is told apart.
        values["name"] = f"{shipped.name} (built in)"
    for name in values.keys() - edited:
        setattr(row, name, values[name])
    row.builtin_version, row.builtin_shipped = shipped.version, shipped.shipped()
    row.save()
    return True
