"""The one colour map: how good or bad anything is, the same on every screen, chart and mail. Pure.

A colour never stands alone: a word or icon is always beside it. Text on its background reaches contrast 4.5:1 in both
themes (tests/config/test_states.py computes it); config/static/config/admin.css repeats the values.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How something is."""

    WELL = "well"
    WATCH = "watch"
    BAD = "bad"
    QUIET = "quiet"
    INFO = "info"
    MAINTENANCE = "maintenance"


@dataclass(frozen=True, slots=True)
class Colours:
    """Colours of one state as #rrggbb: chips (text on background) and lines in charts, in light and dark."""

    text: str
    background: str
    line: str
    dark_text: str
    dark_background: str
    dark_line: str
    icon: str


COLOURS: dict[State, Colours] = {
    State.WELL: Colours("#166534", "#dcfce7", "#16a34a", "#86efac", "#12351f", "#4ade80", "check_circle"),
    State.WATCH: Colours("#854d0e", "#fef3c7", "#d97706", "#fcd34d", "#3d2c0a", "#fbbf24", "warning"),
    State.BAD: Colours("#991b1b", "#fee2e2", "#dc2626", "#fca5a5", "#451a1a", "#f87171", "error"),
    State.QUIET: Colours("#4b5563", "#f3f4f6", "#6b7280", "#d1d5db", "#2b323d", "#9ca3af", "remove"),
    State.INFO: Colours("#1e40af", "#dbeafe", "#2563eb", "#93c5fd", "#172b4d", "#60a5fa", "info"),
    State.MAINTENANCE: Colours("#5b21b6", "#ede9fe", "#7c3aed", "#c4b5fd", "#2e1f52", "#a78bfa", "construction"),
}

#: What the rooms' own words mean in colour. A room's word that is missing here is quiet.
BY_WORD: dict[str, State] = {
    # alerts
    "firing": State.BAD,
    "pending": State.WATCH,
    "resolved": State.WELL,
    "acknowledged": State.INFO,
    "silenced": State.QUIET,
    "critical": State.BAD,
    "warning": State.WATCH,
    # messages and events
    "queued": State.INFO,
    "sending": State.INFO,
    "sent": State.WELL,
    "failed": State.BAD,
    "suppressed": State.QUIET,
    "temporary": State.WATCH,
    "permanent": State.BAD,
    "unknown": State.WATCH,
    "done": State.WELL,
    "set_aside": State.BAD,
    # anything that is switched or checked
    "ok": State.WELL,
    "enabled": State.WELL,
    "disabled": State.QUIET,
    "error": State.BAD,
    "active": State.WELL,
    "revoked": State.QUIET,
    "maintenance": State.MAINTENANCE,
}


def state_of(word: str) -> State:
    """Return the state that a room's word (`firing`, `sent` ...) or a state's own name stands for."""
    try:
        return State(word)
    except ValueError:
        return BY_WORD.get(word, State.QUIET)


def colours_of(word: str) -> Colours:
    """Return the colours of a word or state, for mails and pictures."""
    return COLOURS[state_of(word)]
