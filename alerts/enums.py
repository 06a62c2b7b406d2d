"""Words of this room. The tone of a state is one of the names in the product's colour map."""

from __future__ import annotations

from django.db import models


class Severity(models.TextChoices):
    """How bad it is while the alert fires."""

    INFO = "info", "Info"
    WARNING = "warning", "Warning"
    CRITICAL = "critical", "Critical"

    @property
    def tone(self) -> str:
        """Colour of the severity on every screen."""
        return {"info": "info", "warning": "watch", "critical": "bad"}[self.value]


class AlertState(models.TextChoices):
    """Where an alert stands. Pending and firing alerts are open; the other two are where they end."""

    INACTIVE = "inactive", "Never fired"
    PENDING = "pending", "Pending"
    FIRING = "firing", "Firing"
    RESOLVED = "resolved", "Resolved"

    @property
    def tone(self) -> str:
        """Colour of the state on every screen."""
        return {"inactive": "quiet", "pending": "watch", "firing": "bad", "resolved": "well"}[self.value]


class AlertCause(models.TextChoices):
    """Why an alert of a rule is there: its condition is met, or its series is missing, so that nobody knows."""

    CONDITION = "condition", "Condition met"
    NO_DATA = "no_data", "No data"

    @property
    def tone(self) -> str:
        """Colour of the cause on every screen."""
        return {"condition": "info", "no_data": "watch"}[self.value]


class AlertSource(models.TextChoices):
    """Who reports an alert that none of our rules found. Those of our own rules have no source."""

    PROMETHEUS = "prometheus", "Prometheus"
    ALERTMANAGER = "alertmanager", "Alertmanager"
    GRAFANA = "grafana", "Grafana"
    HTTP = "http", "HTTP"


OPEN_STATES = (AlertState.PENDING, AlertState.FIRING)

#: Every way an alert may go. It begins inactive: a row is written with its first transition.
TRANSITIONS: dict[AlertState, frozenset[AlertState]] = {
    AlertState.INACTIVE: frozenset({AlertState.PENDING, AlertState.FIRING}),
    AlertState.PENDING: frozenset({AlertState.FIRING, AlertState.INACTIVE}),
    AlertState.FIRING: frozenset({AlertState.RESOLVED}),
    AlertState.RESOLVED: frozenset(),
}


class ChannelKind(models.TextChoices):
    """How a channel reaches people."""

    EMAIL = "email", "E-mail"
    WEBHOOK = "webhook", "Webhook"
    SLACK = "slack", "Slack"
    TEAMS = "teams", "Microsoft Teams"
    SMS = "sms", "SMS"
    PHONE = "phone", "Telephone"
    APPRISE = "apprise", "Other service"


class ContactKind(models.TextChoices):
    """How a person can be reached. The values are those of ChannelKind."""

    EMAIL = "email", "E-mail"
    SMS = "sms", "SMS"
    PHONE = "phone", "Telephone"
    SLACK = "slack", "Slack"
    APPRISE = "apprise", "Other service"


class GroupState(models.TextChoices):
    """Whether a group's alerts still go on."""

    OPEN = "open", "Open"
    CLOSED = "closed", "Closed"


class HoldKind(models.TextChoices):
    """Why an alert's messages are held back. It is evaluated all the same."""

    SILENCE = "silence", "Silenced"
    MAINTENANCE = "maintenance", "Maintenance"
    INHIBITION = "inhibition", "Inhibited"
    COMPONENT = "component", "Depends on what is broken"
    FLAPPING = "flapping", "Flapping"
    SNOOZE = "snooze", "Snoozed"


class PolicyStepKind(models.TextChoices):
    """What a step of an escalation policy does."""

    CHANNEL = "channel", "Tell channels"
    PERSON = "person", "Tell people"
    TEAM = "team", "Tell teams"
    SCHEDULE = "schedule", "Tell who is on call"
    ROUND_ROBIN = "round_robin", "Tell one person, in turn"
    WAIT = "wait", "Wait"
    IF_TIME = "if_time", "Go on only between"
    IF_COUNT = "if_count", "Go on only if alerts are many"
    DECLARE_INCIDENT = "declare_incident", "Declare an incident"
    REPEAT = "repeat", "Repeat from the beginning"


class OnCallRotation(models.TextChoices):
    """What the length of a turn is counted in."""

    HOURLY = "hourly", "hours"
    DAILY = "daily", "days"
    WEEKLY = "weekly", "weeks"


class OfferState(models.TextChoices):
    """What became of a shift that somebody would like to give away."""

    OPEN = "open", "Offered"
    TAKEN = "taken", "Taken over"
    WITHDRAWN = "withdrawn", "Withdrawn"


class NoteKind(models.TextChoices):
    """What a person did with an alert."""

    COMMENT = "comment", "Comment"
    ACKNOWLEDGED = "acknowledged", "Acknowledged"
    UNACKNOWLEDGED = "unacknowledged", "Acknowledgement taken back"
    ASSIGNED = "assigned", "Assigned"
    CLOSED = "closed", "Closed by hand"
    SNOOZED = "snoozed", "Snoozed"
    UNSNOOZED = "unsnoozed", "Snooze ended"
    EXPIRED = "expired", "Acknowledgement ran out"
