"""Words of this room. The tone of a state is one of the names in the product's colour map."""

from __future__ import annotations

from django.db import models


class IssueState(models.TextChoices):
    """Where an issue stands. New, ongoing and regressed ones are open: they wait for somebody."""

    NEW = "new", "New"
    ONGOING = "ongoing", "Ongoing"
    REGRESSED = "regressed", "Regressed"
    RESOLVED = "resolved", "Resolved"
    MUTED = "muted", "Muted"
    MERGED = "merged", "Merged"

    @property
    def tone(self) -> str:
        """Colour of the state on every screen."""
        tones = {"new": "bad", "regressed": "bad", "ongoing": "watch", "resolved": "well"}
        return tones.get(self.value, "quiet")


OPEN_STATES = (IssueState.NEW, IssueState.ONGOING, IssueState.REGRESSED)

#: Every way an issue may go. It begins as new; as merged it has no events of its own until it is taken out again.
TRANSITIONS: dict[IssueState, frozenset[IssueState]] = {
    IssueState.NEW: frozenset({IssueState.ONGOING, IssueState.RESOLVED, IssueState.MUTED, IssueState.MERGED}),
    IssueState.ONGOING: frozenset({IssueState.RESOLVED, IssueState.MUTED, IssueState.MERGED}),
    IssueState.REGRESSED: frozenset({IssueState.ONGOING, IssueState.RESOLVED, IssueState.MUTED, IssueState.MERGED}),
    IssueState.RESOLVED: frozenset({IssueState.ONGOING, IssueState.REGRESSED, IssueState.MUTED, IssueState.MERGED}),
    IssueState.MUTED: frozenset({IssueState.ONGOING, IssueState.RESOLVED, IssueState.MERGED}),
    IssueState.MERGED: frozenset({IssueState.ONGOING}),
}


class Level(models.TextChoices):
    """How bad the client says an event is."""

    DEBUG = "debug", "Debug"
    INFO = "info", "Info"
    WARNING = "warning", "Warning"
    ERROR = "error", "Error"
    FATAL = "fatal", "Fatal"

    @property
    def tone(self) -> str:
        """Colour of the level on every screen."""
        return {"debug": "quiet", "info": "info", "warning": "watch", "error": "bad", "fatal": "bad"}[self.value]


class ResolvedIn(models.TextChoices):
    """From when on another event means that an issue is back."""

    NOW = "now", "now"
    NEXT_RELEASE = "next_release", "in the next release"
    RELEASE = "release", "in a release"


class NoteKind(models.TextChoices):
    """What a person did with an issue beside changing its state."""

    COMMENT = "comment", "Comment"
    ASSIGNED = "assigned", "Assigned"
    MERGED = "merged", "Merged"
    UNMERGED = "unmerged", "Taken apart"


class PatternKind(models.TextChoices):
    """What a critical pattern looks at."""

    MESSAGE = "message", "Message"
    CLASS = "class", "Class"
    LEVEL = "level", "Level"


class PatternPlace(models.TextChoices):
    """Where an error must have happened to meet a critical pattern."""

    ANY = "any", "Anywhere"
    BROWSER = "browser", "In a browser"
    SERVER = "server", "On a server"
