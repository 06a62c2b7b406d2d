"""Creating, changing, switching and deleting rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.text import slugify

from alerts.drafts import RuleDraft, RuleInvalid, check_draft
from alerts.models import Channel, Policy, Rule, RuleMemory
from alerts.services.alerts import end_alerts
from config.actors import Actor
from monitoring.applications.selectors import list_applications

#: What of a draft is a column of the rule by the same name.
_FIELDS = (
    "name",
    "application_id",
    "condition",
    "clear_condition",
    "severity",
    "for_seconds",
    "keep_firing_for_seconds",
    "no_data_after_seconds",
    "labels",
    "annotations",
    "enabled",
    "owner_id",
    "policy_id",
)


class BuiltinRule(Exception):
    """A rule that came with the product can be switched off and edited, not deleted."""


def draft_of(rule: Rule) -> RuleDraft:
    """Return a stored rule as a draft, to be changed and saved again."""
    channels = tuple(channel.pk for channel in rule.channels.all()) if rule.pk else ()
    return RuleDraft(**{name: getattr(rule, name) for name in _FIELDS}, channel_ids=channels)


@transaction.atomic
def create_rule(*, draft: RuleDraft, origin: str = "") -> Rule:
    """Create a rule; raise RuleInvalid, and store nothing, if anything about it is wrong.

    `origin` is what a rule file knows it by, empty for rules that come from none.
    """
    _check(draft)
    rule = Rule(slug=make_slug(draft.name), origin=origin)
    _write(rule, draft)
    return rule


@transaction.atomic
def update_rule(*, rule: Rule, draft: RuleDraft, by: Actor) -> Rule:
    """Change a rule; raise RuleInvalid, and change nothing, if anything about it is wrong.

    Its open alerts go on and are judged by the new rule at the next evaluation. Those that it does not judge any more (it
    was switched off or belongs to another application now) end at once, and whoever was told of them is told so.
    """
    _check(draft)
    locked = Rule.objects.select_for_update().get(pk=rule.pk)
    _write(locked, draft)
    if not (draft.enabled and draft.no_data_after_seconds):
        RuleMemory.objects.filter(rule=locked).delete()
    if not draft.enabled:
        end_alerts(rule_id=locked.pk, reason=f"{by.name} switched the rule off.")
    elif draft.application_id is not None:
        end_alerts(
            rule_id=locked.pk,
            except_application_id=draft.application_id,
            reason=f"{by.name} took this application out of the rule.",
        )
    return locked


def set_rule_enabled(*, rule: Rule, enabled: bool, by: Actor) -> Rule:
    """Switch a rule on or off; its open alerts end when it goes off."""
    return update_rule(rule=rule, draft=replace(draft_of(rule), enabled=enabled), by=by)


@transaction.atomic
def duplicate_rule(*, rule: Rule, by: Actor) -> Rule:
    """Make a copy, switched off, to be changed at leisure."""
    draft = replace(draft_of(rule), name=f"{rule.name} (copy)"[:150], enabled=False, owner_id=by.user_id)
    return create_rule(draft=draft)


@transaction.atomic
def delete_rule(*, rule: Rule, by: Actor) -> None:
    """Delete a rule; its open alerts end, the history of its alerts stays. Raise BuiltinRule for one that is shipped."""
    locked = Rule.objects.select_for_update().get(pk=rule.pk)
    if locked.is_builtin:
        raise BuiltinRule("This rule came with Postlaunch. Switch it off instead.")
    end_alerts(rule_id=locked.pk, reason=f"{by.name} deleted the rule.")
    locked.delete()


def make_slug(name: str) -> str:
    """Return a free slug for a rule's name."""
    base = slugify(name)[:120] or "rule"
    taken = set(Rule.objects.filter(slug__startswith=base).values_list("slug", flat=True))
    return next(slug for slug in _number(base) if slug not in taken)


def _number(base: str) -> Iterator[str]:
    yield base
    number = 2
    while True:
        yield f"{base}-{number}"
        number += 1


def _check(draft: RuleDraft) -> None:
    check_draft(draft)
    errors = {}
    if _count_usable_channels(draft) != len(set(draft.channel_ids)):
        errors["channels"] = "One of the channels does not exist any more, or belongs to another application."
    if draft.application_id is not None and not list_applications().filter(pk=draft.application_id).exists():
        errors["application"] = "This application does not exist any more."
    if draft.policy_id is not None and not Policy.objects.filter(pk=draft.policy_id).exists():
        errors["policy"] = "This escalation policy does not exist any more."
    if errors:
        raise RuleInvalid(errors)


def _count_usable_channels(draft: RuleDraft) -> int:
    """Return how many of the draft's channels are there; those of one application are for rules of that application."""
    own = Q(application=None) | Q(application_id=draft.application_id)
    return Channel.objects.filter(own, pk__in=draft.channel_ids).count()


def _write(rule: Rule, draft: RuleDraft) -> None:
    """Save the draft's fields and nothing else: an evaluation may be writing its own beside us."""
    for name in _FIELDS:
        setattr(rule, name, getattr(draft, name))
    rule.name, rule.condition = draft.name.strip(), draft.condition.strip()
    rule.clear_condition = draft.clear_condition.strip()
    rule.labels, rule.annotations = dict(draft.labels), dict(draft.annotations)
    rule.updated_at = timezone.now()
    if rule._state.adding:
        rule.save()
    else:
        rule.save(update_fields=[*(name.removesuffix("_id") for name in _FIELDS), "updated_at"])
    rule.channels.set(draft.channel_ids)
