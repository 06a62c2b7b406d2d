"""Creating, changing, switching and deleting rules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify

from alerts.drafts import RuleDraft, RuleInvalid, check_draft
from alerts.models import Alert, Channel, Policy, Rule, RuleMemory
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
#: Rows of one statement.
_BATCH = 500


class BuiltinRule(Exception):
    """A rule that came with the product can be switched off and edited, not deleted."""


def draft_of(rule: Rule) -> RuleDraft:
    """Return a stored rule as a draft, to be changed and saved again."""
    channels = tuple(channel.pk for channel in rule.channels.all()) if rule.pk else ()
    return RuleDraft(**{name: getattr(rule, name) for name in _FIELDS}, channel_ids=channels)


@dataclass(frozen=True, slots=True)
class RuleChange:
    """What one rule is to be. `rule` None: a new one, with what a rule file knows it by as its `origin`."""

    draft: RuleDraft
    rule: Rule | None = None
    origin: str = ""


class RulesInvalid(Exception):
    """Several rules that can't be saved; `errors` says why, in words, by the place of the change and by field."""

    def __init__(self, errors: Mapping[int, RuleInvalid]) -> None:
        super().__init__("; ".join(map(str, errors.values())))
        self.errors = dict(errors)


def check_rule(draft: RuleDraft, *, rule: Rule | None = None) -> None:
    """Raise RuleInvalid, with all that is wrong, unless the rule can be saved beside what is there (as `rule`, if given).

    A rule that is off may keep whom it would tell, though that is gone or another's by now: it must be possible to switch it off.
    """
    if rule is not None and not draft.enabled and _list_targets(draft) == _list_targets(draft_of(rule)):
        check_draft(draft)
    else:
        _check(draft, _read_known([draft]))


@transaction.atomic
def create_rule(*, draft: RuleDraft, origin: str = "") -> Rule:
    """Create a rule; raise RuleInvalid, and store nothing, if anything about it is wrong.

    `origin` is what a rule file knows it by, empty for rules that come from none.
    """
    check_rule(draft)
    return _create([RuleChange(draft, origin=origin)])[0]


@transaction.atomic
def update_rule(*, rule: Rule, draft: RuleDraft, by: Actor) -> Rule:
    """Change a rule; raise RuleInvalid, and change nothing, if anything about it is wrong.

    Its open alerts go on and are judged by the new rule at the next evaluation. Those that it does not judge any more (it
    was switched off or belongs to another application now) end at once, and whoever was told of them is told so.
    """
    check_rule(draft, rule=rule)
    return _update({rule.pk: draft}, by)[0]


@transaction.atomic
def save_rules(*, changes: Sequence[RuleChange], by: Actor) -> None:
    """Create and change many rules, in a number of queries that does not grow with them; raise RulesInvalid.

    All or nothing, and to each rule just as `create_rule` and `update_rule` do.
    """
    known = _read_known([change.draft for change in changes])
    errors = {}
    for place, change in enumerate(changes):
        try:
            _check(change.draft, known)
        except RuleInvalid as error:
            errors[place] = error
    if errors:
        raise RulesInvalid(errors)
    _create([change for change in changes if change.rule is None])
    _update({change.rule.pk: change.draft for change in changes if change.rule is not None}, by)


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
    return _make_slugs([name])[0]


def _make_slugs(names: Sequence[str]) -> list[str]:
    """Return free slugs, each another one."""
    bases = [slugify(name)[:120] or "rule" for name in names]
    # One pattern for each of many names would cost more than to read all that are taken.
    rules = Rule.objects.filter(slug__startswith=bases[0]) if len(bases) == 1 else Rule.objects.all()
    taken = set(rules.values_list("slug", flat=True))
    counters: dict[str, Iterator[str]] = {}
    slugs = []
    for base in bases:
        slug = next(slug for slug in counters.setdefault(base, _number(base)) if slug not in taken)
        taken.add(slug)
        slugs.append(slug)
    return slugs


def _number(base: str) -> Iterator[str]:
    yield base
    number = 2
    while True:
        yield f"{base}-{number}"
        number += 1


@dataclass(frozen=True, slots=True)
class _Known:
    """What drafts name and what is there of it. Channels and policies say whose they are; None: of all applications."""

    channels: Mapping[int, int | None]
    policies: Mapping[int, int | None]
    applications: frozenset[int]


def _read_known(drafts: Iterable[RuleDraft]) -> _Known:
    found = list(drafts)
    channels = {channel for draft in found for channel in draft.channel_ids}
    policies = {draft.policy_id for draft in found if draft.policy_id is not None}
    applications = {draft.application_id for draft in found if draft.application_id is not None}
    return _Known(
        channels=dict(Channel.objects.filter(pk__in=channels).values_list("pk", "application_id")),
        policies=dict(Policy.objects.filter(pk__in=policies).values_list("pk", "application_id")),
        applications=frozenset(list_applications().filter(pk__in=applications).values_list("pk", flat=True)),
    )


def _check(draft: RuleDraft, known: _Known) -> None:
    """Raise RuleInvalid unless the draft can be saved; what belongs to one application is for rules of that one."""
    check_draft(draft)
    errors = {}
    usable = (None, draft.application_id)
    if any(known.channels.get(channel, 0) not in usable for channel in draft.channel_ids):
        errors["channels"] = "One of the channels does not exist any more, or belongs to another application."
    if draft.application_id is not None and draft.application_id not in known.applications:
        errors["application"] = "This application does not exist any more."
    if draft.policy_id is not None and known.policies.get(draft.policy_id, 0) not in usable:
        errors["policy"] = "This escalation policy does not exist any more, or belongs to another application."
    if errors:
        raise RuleInvalid(errors)


def _list_targets(draft: RuleDraft) -> tuple[object, ...]:
    """Return what of a draft is checked against what is there."""
    return draft.application_id, draft.policy_id, sorted(draft.channel_ids)


def _create(changes: Sequence[RuleChange]) -> list[Rule]:
    if not changes:
        return []
    slugs = _make_slugs([change.draft.name for change in changes])
    rules = [Rule(slug=slug, origin=change.origin) for change, slug in zip(changes, slugs, strict=True)]
    for rule, change in zip(rules, changes, strict=True):
        _fill(rule, change.draft)
    Rule.objects.bulk_create(rules, batch_size=_BATCH)
    _set_channels({rule.pk: change.draft for rule, change in zip(rules, changes, strict=True)}, are_new=True)
    return rules


def _update(drafts: Mapping[int, RuleDraft], by: Actor) -> list[Rule]:
    """Save drafts over their rules, and nothing else: an evaluation may be writing its own fields beside us."""
    rules = list(Rule.objects.select_for_update().filter(pk__in=drafts).order_by("pk")) if drafts else []
    if len(rules) < len(drafts):
        raise Rule.DoesNotExist
    for rule in rules:
        _fill(rule, drafts[rule.pk])
    written = [*(name.removesuffix("_id") for name in _FIELDS), "updated_at"]
    # The rows are there and locked, so each of these inserts is an update, all in one statement.
    Rule.objects.bulk_create(
        rules, batch_size=_BATCH, update_conflicts=True, unique_fields=["pk"], update_fields=written
    )
    _set_channels(drafts)
    unwatched = [pk for pk, draft in drafts.items() if not (draft.enabled and draft.no_data_after_seconds)]
    RuleMemory.objects.filter(rule__in=unwatched).delete()
    for pk, draft in drafts.items():
        if draft.no_data_after_seconds and draft.application_id is not None:
            RuleMemory.objects.filter(rule=pk).exclude(application=draft.application_id).delete()
    # Locked all at once, in the order of their ids: rules end theirs one after the other, and people act on those of several.
    alerts = Alert.objects.open().select_for_update(no_key=True).filter(rule_id__in=drafts).order_by("pk")
    for rule_id in dict.fromkeys(alerts.values_list("rule_id", flat=True)):
        assert rule_id is not None, "it was asked for"
        _end_unjudged(rule_id, drafts[rule_id], by)
    return rules


def _end_unjudged(rule_id: int, draft: RuleDraft, by: Actor) -> None:
    """End a rule's open alerts that it does not judge any more."""
    if not draft.enabled:
        end_alerts(rule_id=rule_id, reason=f"{by.name} switched the rule off.")
    elif draft.application_id is not None:
        end_alerts(
            rule_id=rule_id,
            except_application_id=draft.application_id,
            reason=f"{by.name} took this application out of the rule.",
        )


def _fill(rule: Rule, draft: RuleDraft) -> None:
    for name in _FIELDS:
        setattr(rule, name, getattr(draft, name))
    rule.name, rule.condition = draft.name.strip(), draft.condition.strip()
    rule.clear_condition = draft.clear_condition.strip()
    rule.labels, rule.annotations = dict(draft.labels), dict(draft.annotations)
    rule.updated_at = timezone.now()


def _set_channels(drafts: Mapping[int, RuleDraft], *, are_new: bool = False) -> None:
    """Have rules name the channels of their drafts; new ones name none so far."""
    rows = Rule.channels.through.objects
    wanted = {(rule_id, channel_id) for rule_id, draft in drafts.items() for channel_id in draft.channel_ids}
    there = {} if are_new else {(row.rule_id, row.channel_id): row.pk for row in rows.filter(rule_id__in=drafts)}
    if gone := [pk for pair, pk in there.items() if pair not in wanted]:
        rows.filter(pk__in=gone).delete()
    missing = sorted(wanted - there.keys())
    rows.bulk_create([rows.model(rule_id=rule_id, channel_id=channel_id) for rule_id, channel_id in missing])
