"""Installing the shipped escalation policies: once; afterwards they are the operators'."""

from __future__ import annotations

from django.db import transaction

from alerts.builtin_policies import BUILTIN_CHANNELS, BUILTIN_POLICIES, BuiltinPolicy
from alerts.escalation import StepKind
from alerts.models import Channel, Policy, Rule
from alerts.services.policies import make_draft, save_policy


@transaction.atomic
def install_policies() -> int:
    """Create the shipped policies, with the channels they name, and give them to their rules; return how many are new.

    A rule that already has a policy or channels keeps them. A policy that was deleted comes back; one that was edited stays.
    """
    known = set(Policy.objects.exclude(builtin_key="").values_list("builtin_key", flat=True))
    missing = [shipped for shipped in BUILTIN_POLICIES if shipped.key not in known]
    if not missing:
        return 0
    channels = _ensure_channels()
    for shipped in missing:
        _install(shipped, channels)
    return len(missing)


def _install(shipped: BuiltinPolicy, channels: dict[str, Channel]) -> None:
    steps = [
        make_draft(StepKind.CHANNEL, [channels[key] for key in shipped.channels]),
        make_draft(StepKind.WAIT, seconds=shipped.escalate_after_seconds),
        make_draft(StepKind.CHANNEL, [channels["escalation"]]),
    ]
    name, number = shipped.name, 2
    while Policy.objects.filter(name=name).exists():
        name, number = f"{shipped.name} {number}", number + 1
    policy = save_policy(policy=Policy(name=name, builtin_key=shipped.key), steps=steps)
    rules = Rule.objects.filter(builtin_key__in=shipped.rule_keys, policy=None, channels=None)
    rules.update(policy=policy)


def _ensure_channels() -> dict[str, Channel]:
    """Return the channels that the policies name, by key; missing ones are made, those without an account switched off."""
    found = {}
    for shipped in BUILTIN_CHANNELS:
        default = Channel.objects.filter(kind=shipped.kind, is_default=True, application=None).order_by("pk").first()
        if shipped.is_default and default is not None:
            found[shipped.key] = default
            continue
        found[shipped.key], _ = Channel.objects.get_or_create(
            name=shipped.name,
            defaults={"kind": shipped.kind, "enabled": shipped.is_ready, "is_default": shipped.is_default},
        )
    return found
