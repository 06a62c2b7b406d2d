"""Rows of the room."""

from __future__ import annotations

from alerts.models.alerts import Alert, AlertComment, AlertQuerySet, AlertTransition
from alerts.models.groups import AlertGroup, GroupMember, Hold, Notice
from alerts.models.oncall import (
    OnCallCalendar,
    OnCallFeed,
    OnCallLayer,
    OnCallOffer,
    OnCallOverride,
    OnCallParticipant,
    OnCallSchedule,
)
from alerts.models.people import ChannelMessage, ContactMethod, CountedUse, NotificationPreference
from alerts.models.policies import Policy, PolicyStep, Route
from alerts.models.rules import Channel, ChannelManager, EvaluationBacklog, Rule, RuleMemory, RuleQuerySet
from alerts.models.suppression import Component, InhibitRule, Silence

__all__ = [
    "Alert",
    "AlertComment",
    "AlertGroup",
    "AlertQuerySet",
    "AlertTransition",
    "Channel",
    "ChannelManager",
    "ChannelMessage",
    "Component",
    "ContactMethod",
    "CountedUse",
    "EvaluationBacklog",
    "GroupMember",
    "Hold",
    "InhibitRule",
    "Notice",
    "NotificationPreference",
    "OnCallCalendar",
    "OnCallFeed",
    "OnCallLayer",
    "OnCallOffer",
    "OnCallOverride",
    "OnCallParticipant",
    "OnCallSchedule",
    "Policy",
    "PolicyStep",
    "Route",
    "Rule",
    "RuleMemory",
    "RuleQuerySet",
    "Silence",
]
