"""Models of the inner rooms, gathered for Django."""

from __future__ import annotations

from monitoring.applications.models import Application, IngestKey
from monitoring.attachments.models import Attachment
from monitoring.browser.models import BrowserVital, VitalHour
from monitoring.errors.models import (
    CriticalPattern,
    ErrorCounter,
    ErrorEvent,
    ErrorGroup,
    ErrorHour,
    ErrorIssue,
    ErrorUser,
    IssueNote,
    IssueTransition,
)
from monitoring.logs.models import LogCounter, LogRecord
from monitoring.losses.models import LossAccount
from monitoring.metrics.models import MetricDescription, MetricSeries, PointSlot
from monitoring.performance.models import (
    Endpoint,
    EndpointHour,
    Query,
    Request,
    Span,
    Statement,
    StatementHour,
)
from monitoring.releases.models import Comparison, Deployment, Release, ReleaseHour
from monitoring.sourcemaps.models import MissingMap, SourceBlob, SourceBundle, SourceChunk, SourceFile
from monitoring.uptime.models import Check, CheckChange, CheckResult, MaintenanceWindow
from monitoring.usage.models import UsageEvent
from monitoring.user_reports.models import UserReport

__all__ = [
    "Application",
    "Attachment",
    "BrowserVital",
    "Check",
    "CheckChange",
    "CheckResult",
    "Comparison",
    "CriticalPattern",
    "Deployment",
    "Endpoint",
    "EndpointHour",
    "ErrorCounter",
    "ErrorEvent",
    "ErrorGroup",
    "ErrorHour",
    "ErrorIssue",
    "ErrorUser",
    "IngestKey",
    "IssueNote",
    "IssueTransition",
    "LogCounter",
    "LogRecord",
    "LossAccount",
    "MaintenanceWindow",
    "MetricDescription",
    "MetricSeries",
    "MissingMap",
    "PointSlot",
    "Query",
    "Release",
    "ReleaseHour",
    "Request",
    "SourceBlob",
    "SourceBundle",
    "SourceChunk",
    "SourceFile",
    "Span",
    "Statement",
    "StatementHour",
    "UsageEvent",
    "UserReport",
    "VitalHour",
]
