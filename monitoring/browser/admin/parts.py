"""What the pages of this room share: cards, cells of tables, choices, links."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import NoReverseMatch
from django.utils.safestring import SafeString, mark_safe

from config.admin.states import State
from monitoring.applications import links
from monitoring.browser.drawings import draw_shares
from monitoring.browser.enums import Dimension
from monitoring.browser.hours import OTHER
from monitoring.browser.selectors.hours import DEFAULT_RANGE, RANGES, Trend
from monitoring.browser.summaries import Member, Summary, write_figure
from monitoring.browser.targets import COLUMNS, QUANTILE, TARGETS, Rating, Target

VIEW = "monitoring.view_application"
RANGE_WORDS = {"24h": "24 hours", "7d": "7 days", "30d": "30 days", "90d": "90 days"}
STATES = {Rating.GOOD: State.WELL, Rating.NEEDS_WORK: State.WATCH, Rating.POOR: State.BAD}
WORDS = {Rating.GOOD: "Good", Rating.NEEDS_WORK: "Needs work", Rating.POOR: "Poor"}
BREAKDOWNS = (Dimension.DEVICE, Dimension.CONNECTION, Dimension.BROWSER)
NOT_SAID, ALL_OTHERS = "not said", "all others"


@dataclass(frozen=True, slots=True)
class Card:
    """One vital with its figure, target, shares and course."""

    summary: Summary
    state: State
    word: str
    limit: str
    shares: SafeString
    course: list[float | None]


@dataclass(frozen=True, slots=True)
class Cell:
    """One vital of one row of a table; without a summary nothing was measured."""

    target: Target
    summary: Summary | None = None
    state: State = State.QUIET
    word: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One page, device, browser, connection or release. `note` says how it compares with the one before it."""

    title: str
    member: Member
    cells: list[Cell]
    url: str = ""
    note: str = ""
    note_state: State = State.QUIET


def read_range(request: HttpRequest) -> str:
    """Return the chosen stretch of time, a key of RANGES."""
    chosen = request.GET.get("range", DEFAULT_RANGE)
    return chosen if chosen in RANGES else DEFAULT_RANGE


def list_ranges(request: HttpRequest, chosen: str) -> list[tuple[str, str, bool]]:
    """Return the choices of time as (query string, words, whether it is chosen); the rest of the query stays."""
    kept = {name: value for name, value in request.GET.items() if name not in {"range", "p"}}
    return [(urlencode({**kept, "range": key}), RANGE_WORDS[key], key == chosen) for key in RANGES]


def make_card(summary: Summary, trend: Trend | None) -> Card:
    """Return a vital's card."""
    target = summary.target
    return Card(
        summary,
        STATES[summary.rating],
        WORDS[summary.rating],
        write_figure(target, target.good),
        mark_safe(draw_shares(summary.tally, label=target.title)),  # noqa: S308  (numbers, and words of ours)
        trend.quantiles(QUANTILE) if trend else [],
    )


def make_cells(summaries: dict[str, Summary], names: tuple[str, ...]) -> list[Cell]:
    """Return a row's cells in the order of `names`."""
    cells = []
    for name in names:
        found = summaries.get(name)
        cells.append(
            Cell(TARGETS[name], found, STATES[found.rating], WORDS[found.rating]) if found else Cell(TARGETS[name])
        )
    return cells


def make_row(
    member: Member, found: dict[str, Summary], *, url: str = "", note: str = "", state: State = State.QUIET
) -> Row:
    """Return the row of a table with the vitals of COLUMNS."""
    return Row(name_member(member.name), member, make_cells(found, COLUMNS), url, note, state)


def name_member(member: str) -> str:
    """Return what stands for a member in a table."""
    return ALL_OTHERS if member == OTHER else member or NOT_SAID


def page_url(page: str, *, application_id: int, chosen: str) -> str:
    """Return the address of a page's own page; empty for what is no single page."""
    if page in {"", OTHER}:
        return ""
    return links.page_url("monitoring_web_vitals_page", application_id=application_id, page=page, range=chosen)


def address_of(thing: object) -> str:
    """Return a thing's address in the admin, empty where it has none."""
    try:
        return str(thing.get_absolute_url())  # type: ignore[attr-defined]
    except NoReverseMatch:
        return ""
