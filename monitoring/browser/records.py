"""Web vitals on their way in: what every adapter produces and the store takes. Pure.

Times are aware and in UTC, empty texts mean "not said". Adapters `cut` texts to the lengths below, and
leave query strings out of `url` and `detail`; the writer refuses nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

MAX_PAGE, MAX_URL, MAX_DETAIL, MAX_RELEASE, MAX_ENVIRONMENT, MAX_WORD, MAX_SESSION = 250, 500, 250, 200, 64, 32, 36

#: What is measured, and the largest value that is believed (seconds; cls has no unit). Larger ones are no measurement.
VITALS: dict[str, float] = {
    "fcp": 600.0,
    "lcp": 600.0,
    "inp": 600.0,
    "fid": 600.0,
    "cls": 100.0,
    "ttfb": 600.0,
    "load": 600.0,  # first view of the application, up to the end of the load event
    "load_repeat": 600.0,  # every later one
    "route": 600.0,  # from a route change of a single-page application until the page is quiet
    "asset": 600.0,  # one script, style, picture or font; `detail` says which
    "asset_failed": 600.0,  # one that did not load: the value says nothing
    "longtask": 600.0,  # the main thread was busy for so long
}
DEVICES = ("desktop", "mobile", "tablet")

OLDEST = timedelta(days=7)
NEWEST = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class VitalRecord:
    """One measurement in one page view. `name` is a key of VITALS; `value` in seconds, for cls without a unit.

    `page` is the templated path, such as /orders/{id} (`pages.template_path` makes one), `url` what stood in the address
    bar without its query. `device` is one of DEVICES, `connection` the effective type (4g), `navigation` how the page was
    come to (navigate, reload, back-forward, soft-navigation). `detail` names the asset or element. `session_key` is one
    visit, `user_key` stands for the person as in errors. `record_id` tells a repetition from a second measurement: of
    two with the same id and time the larger value is kept, because vitals grow while a page is open; None never is a
    repetition.
    """

    application_id: int
    at: datetime
    name: str
    value: float
    page: str = ""
    url: str = ""
    detail: str = ""
    release: str = ""
    environment: str = ""
    device: str = ""
    browser: str = ""
    os: str = ""
    connection: str = ""
    navigation: str = ""
    session_key: str = ""
    user_key: bytes | None = None
    trace_id: str = ""
    record_id: UUID | None = None


def cut(text: str, length: int) -> str:
    """Return a text as the database takes it: without NUL and halves of surrogate pairs, at most so long."""
    if not text.isprintable():
        text = text.replace("\x00", "").encode("utf-8", "replace").decode()
    return text[:length]


def settle_time(at: datetime | None, *, received_at: datetime) -> datetime:
    """Return a time that can be kept: what a client's clock says unless it is missing or cannot be right."""
    if at is None or not received_at - OLDEST <= at <= received_at + NEWEST:
        return received_at
    return at


def is_plausible(name: str, value: float) -> bool:
    """Return whether a value can be a measurement of this vital: known, a number, not negative, not absurd."""
    return name in VITALS and 0 <= value <= VITALS[name]
