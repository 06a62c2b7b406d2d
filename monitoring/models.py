"""Models of the inner rooms, gathered for Django."""

from __future__ import annotations

from monitoring.applications.models import Application, IngestKey
from monitoring.errors.models import (
    ErrorCounter,
    ErrorEvent,
    ErrorGroup,
    ErrorHour,
    ErrorIssue,
    ErrorUser,
    IssueNote,
    IssueTransition,
)
from monitoring.losses.models import LossAccount
from monitoring.metrics.models import MetricDescription, MetricSeries, PointSlot
from monitoring.releases.models import Release
from monitoring.uptime.models import Check, CheckChange, CheckResult, MaintenanceWindow

__all__ = [
    "Application",
    "Check",
    "CheckChange",
    "CheckResult",
    "ErrorCounter",
    "ErrorEvent",
    "ErrorGroup",
    "ErrorHour",
    "ErrorIssue",
    "ErrorUser",
    "IngestKey",
    "IssueNote",
    "IssueTransition",
    "LossAccount",
    "MaintenanceWindow",
    "MetricDescription",
    "MetricSeries",
    "PointSlot",
    "Release",
]
