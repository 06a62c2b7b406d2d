"""Words of this room."""

from __future__ import annotations

from django.db import models


class Signal(models.TextChoices):
    """What is counted in the loss account. Bodies that can't be read at all are counted as bodies."""

    POINTS = "points", "Metric points"
    ERRORS = "errors", "Errors"
    TRANSACTIONS = "transactions", "Transactions"
    SPANS = "spans", "Spans"
    QUERIES = "queries", "Database queries"
    LOGS = "logs", "Log lines"
    SESSIONS = "sessions", "Sessions"
    FEEDBACK = "feedback", "Feedback"
    VITALS = "vitals", "Web vitals"
    EVENTS = "events", "Usage events"
    CHECK_INS = "check_ins", "Check-ins"
    ATTACHMENTS = "attachments", "Attachments"
    PROFILES = "profiles", "Profiles"
    REPLAYS = "replays", "Replays"
    SECURITY = "security", "Security reports"
    ALERTS = "alerts", "Alerts from outside"
    CLIENT_REPORTS = "client_reports", "Reports of losses"
    OTHER = "other", "Unknown kinds"
    BODIES = "bodies", "Unreadable requests"
