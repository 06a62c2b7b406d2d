"""The escalation policies that come with the product, as data: the rules they are for, their channels and times. Pure."""

from __future__ import annotations

from dataclasses import dataclass

MINUTE = 60


@dataclass(frozen=True, slots=True)
class BuiltinChannel:
    """A channel that the policies name. Without `is_ready` it comes switched off: its account has to be entered first."""

    key: str
    name: str
    kind: str
    is_ready: bool = False
    is_default: bool = False


@dataclass(frozen=True, slots=True)
class BuiltinPolicy:
    """A policy: tell these channels; if nobody acknowledges in time, whoever is behind “Escalation”."""

    key: str
    name: str
    rule_keys: tuple[str, ...]
    channels: tuple[str, ...]
    escalate_after_seconds: int


BUILTIN_CHANNELS = (
    BuiltinChannel("email", "Administrators", "email", is_ready=True, is_default=True),
    BuiltinChannel("chat", "Chat", "slack"),
    BuiltinChannel("sms", "SMS", "sms"),
    BuiltinChannel("phone", "Telephone", "phone"),
    BuiltinChannel("escalation", "Escalation", "email", is_ready=True),
)

#: Source: the product's table of alert rules.
BUILTIN_POLICIES = (
    BuiltinPolicy("high-error-rate", "High error rate", ("error-rate-warning",), ("email", "chat"), 10 * MINUTE),
    BuiltinPolicy(
        "critical-error-rate", "Critical error rate", ("error-rate-critical",), ("email", "chat", "sms"), 5 * MINUTE
    ),
    BuiltinPolicy(
        "server-down",
        "Server down",
        ("server-down", "too-slow-critical"),
        ("email", "chat", "sms", "phone"),
        2 * MINUTE,
    ),
)
