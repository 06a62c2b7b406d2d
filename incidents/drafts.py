"""What makes an incident when somebody declares it, and what is wrong with it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from incidents.levels import REQUIREMENTS

MAX_TITLE_CHARACTERS = 200
MAX_TEXT_CHARACTERS = 10_000
MAX_ALERTS = 500


class IncidentInvalid(Exception):
    """What was asked can't be kept; `errors` says why, by field."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__(" ".join(errors.values()))
        self.errors = errors


@dataclass(frozen=True, slots=True)
class IncidentDraft:
    """An incident to be declared. `application_id` None: it concerns several, or none that is known."""

    title: str
    level: str
    description: str = ""
    application_id: int | None = None
    alert_ids: tuple[int, ...] = ()


def check_draft(draft: IncidentDraft) -> None:
    """Raise IncidentInvalid for what could not be kept."""
    errors = {}
    if not draft.title.strip():
        errors["title"] = "Say in one line what is wrong."
    elif len(draft.title) > MAX_TITLE_CHARACTERS:
        errors["title"] = f"A title can have {MAX_TITLE_CHARACTERS} characters at most."
    if draft.level not in REQUIREMENTS:
        errors["level"] = f"Choose one of {', '.join(REQUIREMENTS)}."
    if len(draft.description) > MAX_TEXT_CHARACTERS:
        errors["description"] = f"A description can have {MAX_TEXT_CHARACTERS} characters at most."
    if len(draft.alert_ids) > MAX_ALERTS:
        errors["alerts"] = f"An incident can be declared for {MAX_ALERTS} alerts at most."
    if errors:
        raise IncidentInvalid(errors)


def clean_text(text: str, *, field: str, missing: str) -> str:
    """Return what a person wrote, tidied; raise IncidentInvalid if nothing is left (`missing` says so) or it is too long."""
    cleaned = text.replace("\x00", "").strip()
    if not cleaned:
        raise IncidentInvalid({field: missing})
    if len(cleaned) > MAX_TEXT_CHARACTERS:
        raise IncidentInvalid({field: f"Write {MAX_TEXT_CHARACTERS} characters at most."})
    return cleaned


def shorten_title(text: str) -> str:
    """Return one line that fits a title."""
    line = " ".join(text.replace("\x00", "").split())
    return line if len(line) <= MAX_TITLE_CHARACTERS else f"{line[: MAX_TITLE_CHARACTERS - 1]}…"
