"""Installing the shipped rules, and bringing them up to date without undoing what operators changed."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from alerts.builtin import BUILTIN_RULES, MERGED_FIELDS, BuiltinRule
from alerts.builtin_policies import BUILTIN_POLICIES
from alerts.enums import ChannelKind
from alerts.models import Channel, Policy, Rule
from alerts.services.rules import make_slug
from config.actors import SYSTEM, Actor

FIRST_CHANNEL = "Administrators"


class NotBuiltin(Exception):
    """Only a rule that came with the product can go back to how it was shipped."""


@transaction.atomic
def install_rules() -> int:
    """Create missing built-in rules, update older ones, and make sure there is a channel; return how many rules changed."""
    _ensure_channel()
    known = {rule.builtin_key: rule for rule in Rule.objects.builtin().select_for_update()}
    return sum(_install(known.get(shipped.key), shipped) for shipped in BUILTIN_RULES)


@transaction.atomic
def reset_rule(*, rule: Rule, by: Actor = SYSTEM) -> Rule:
    """Put a built-in rule back to how it was shipped; channels, owner and whether it is on stay. Raise NotBuiltin."""
    locked = Rule.objects.select_for_update().get(pk=rule.pk)
    shipped = next((one for one in BUILTIN_RULES if one.key == locked.builtin_key), None)
    if shipped is None:
        raise NotBuiltin("This rule did not come with Postlaunch.")
    _write(locked, shipped.shipped(), shipped)
    return locked


def list_edited_fields(rule: Rule) -> list[str]:
    """Return which fields of a built-in rule differ from how they were shipped."""
    return [
        name
        for name in MERGED_FIELDS
        if name in rule.builtin_shipped and getattr(rule, name) != rule.builtin_shipped[name]
    ]


def _install(rule: Rule | None, shipped: BuiltinRule) -> bool:
    if rule is None:
        created = Rule(slug=make_slug(shipped.key), builtin_key=shipped.key, policy=_find_policy(shipped.key))
        _write(created, shipped.shipped(), shipped)
        return True
    if rule.builtin_version >= shipped.version:
        return False
    edited = set(list_edited_fields(rule))
    _write(rule, {name: value for name, value in shipped.shipped().items() if name not in edited}, shipped)
    return True


def _find_policy(rule_key: str) -> Policy | None:
    """Return the shipped policy of a rule that is new to an installation that has the policy already."""
    keys = [policy.key for policy in BUILTIN_POLICIES if rule_key in policy.rule_keys]
    return Policy.objects.filter(builtin_key__in=keys).first() if keys else None


def _write(rule: Rule, values: dict[str, Any], shipped: BuiltinRule) -> None:
    for name, value in values.items():
        setattr(rule, name, value)
    rule.builtin_version, rule.builtin_shipped = shipped.version, shipped.shipped()
    if rule._state.adding:
        rule.save()
    else:
        rule.save(update_fields=[*values, "builtin_version", "builtin_shipped", "updated_at"])


def _ensure_channel() -> None:
    """Alerts must reach someone from the first start on, until channels are set up."""
    if not Channel.objects.exists():
        Channel.objects.create(name=FIRST_CHANNEL, kind=ChannelKind.EMAIL, is_default=True)
