"""Words of uptime checks. Pure, so that judgement can use them."""

from __future__ import annotations

from enum import StrEnum


class CheckKind(StrEnum):
    """How a check finds out."""

    HTTP = "http"
    TCP = "tcp"
    TLS = "tls"
    DNS = "dns"
    HEARTBEAT = "heartbeat"

    @property
    def label(self) -> str:
        """What people read."""
        return _KINDS[self]

    @property
    def is_probed(self) -> bool:
        """Whether we ask; otherwise the thing itself reports."""
        return self is not CheckKind.HEARTBEAT


class CheckState(StrEnum):
    """Where a check stands. `pending`: it failed and is being tried again before anyone is told."""

    NEW = "new"
    UP = "up"
    PENDING = "pending"
    DOWN = "down"
    PAUSED = "paused"
    MAINTENANCE = "maintenance"

    @property
    def label(self) -> str:
        """What people read."""
        return _STATES[self][0]

    @property
    def tone(self) -> str:
        """Colour of the state on every screen."""
        return _STATES[self][1]


class EndAction(StrEnum):
    """What becomes of alerts that a maintenance window held, when it is over."""

    RELEASE = "release"
    DROP = "drop"

    @property
    def label(self) -> str:
        """What people read."""
        return _END_ACTIONS[self]


class Ping(StrEnum):
    """What a heartbeat says."""

    SUCCESS = "success"
    START = "start"
    FAIL = "fail"


_END_ACTIONS = {
    EndAction.RELEASE: "Tell of alerts that still fire",
    EndAction.DROP: "Tell nobody of alerts that began during it",
}
_KINDS = {
    CheckKind.HTTP: "Web address (HTTP)",
    CheckKind.TCP: "Port (TCP)",
    CheckKind.TLS: "Certificate (TLS)",
    CheckKind.DNS: "Name (DNS)",
    CheckKind.HEARTBEAT: "Heartbeat",
}
_STATES = {
    CheckState.NEW: ("Not checked yet", "quiet"),
    CheckState.UP: ("Up", "well"),
    CheckState.PENDING: ("Failing, trying again", "watch"),
    CheckState.DOWN: ("Down", "bad"),
    CheckState.PAUSED: ("Paused", "quiet"),
    CheckState.MAINTENANCE: ("Maintenance", "maintenance"),
}

#: Every way a check may go.
TRANSITIONS: dict[CheckState, frozenset[CheckState]] = {
    CheckState.NEW: frozenset(
        {CheckState.UP, CheckState.PENDING, CheckState.DOWN, CheckState.PAUSED, CheckState.MAINTENANCE}
    ),
    CheckState.UP: frozenset({CheckState.PENDING, CheckState.DOWN, CheckState.PAUSED, CheckState.MAINTENANCE}),
    CheckState.PENDING: frozenset({CheckState.UP, CheckState.DOWN, CheckState.PAUSED, CheckState.MAINTENANCE}),
    CheckState.DOWN: frozenset({CheckState.UP, CheckState.PAUSED, CheckState.MAINTENANCE}),
    CheckState.PAUSED: frozenset({CheckState.NEW}),
    CheckState.MAINTENANCE: frozenset({CheckState.NEW, CheckState.PAUSED}),
}

KIND_CHOICES = [(kind.value, kind.label) for kind in CheckKind]
STATE_CHOICES = [(state.value, state.label) for state in CheckState]
