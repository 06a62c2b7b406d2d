"""Which of the product's own requests, jobs and queries are recorded. Pure.

Doors for telemetry answer hundreds of requests a second, all alike, and jobs look every few seconds whether there is work:
recorded one by one they would be most of what is kept. So of those one in so many is, with its queries, and every slow
or failed one. What is left out is counted as sampled. A slow or failed one stands for itself, any other for as many as one is
kept of: added up by these weights, counts, averages and shares are those of all, if only about.
"""

from __future__ import annotations

import random
import re

PAGE_SHARE, JOB_SHARE, DOOR_SHARE = 1, 10, 100
SLOW_REQUEST_SECONDS, SLOW_QUERY_SECONDS = 1.0, 0.2

_DOOR = re.compile(
    r"/(?:api/\d+/|api/v1/(?:metrics|errors|requests|queries|logs|vitals|events|browser)/?$|api/v1/checks/[^/]+/ping"
    r"|(?:otlp/)?v1/|prometheus/api/v1/write|alertmanager/)"
)
_SILENT = ("/static/", "/health/", "/metrics", "/favicon")


def is_silent(path: str) -> bool:
    """Return whether a request says nothing about the product: files, and programs that ask whether it lives."""
    return path.startswith(_SILENT)


def find_share(method: str, path: str) -> int:
    """Return of how many requests like this one is recorded."""
    return DOOR_SHARE if method not in {"GET", "HEAD"} and _DOOR.match(path) else PAGE_SHARE


def draw(share: int) -> bool:
    """Return True once in `share` calls, by chance: jobs come in turns, and counting would choose the same ones each time."""
    return random.randrange(share) == 0  # noqa: S311  (nothing depends on its being secret)


def find_weight(*, is_drawn: bool, share: int, is_remarkable: bool) -> int:
    """Return how many of the same kind a record stands for, 0: it is left out. Remarkable is what is slow or failed."""
    if is_remarkable:
        return 1
    return share if is_drawn else 0
