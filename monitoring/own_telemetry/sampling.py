"""Which of the product's own requests, jobs and queries are recorded. Pure.

Doors for telemetry answer hundreds of requests a second, all alike, and jobs look every few seconds whether there is work:
recorded one by one they would be most of what is kept. So of those one in so many is, with its queries, and every slow
or failed one. What is left out is counted as sampled.
"""

from __future__ import annotations

import itertools
import re

PAGE_SHARE, JOB_SHARE, DOOR_SHARE = 1, 10, 100
SLOW_REQUEST_SECONDS, SLOW_QUERY_SECONDS = 1.0, 0.2

_DOOR = re.compile(
    r"/(?:api/\d+/|api/v1/(?:metrics|errors|requests|queries|logs|vitals|events|browser)/?$|api/v1/checks/[^/]+/ping"
    r"|(?:otlp/)?v1/|prometheus/api/v1/write|alertmanager/)"
)
_SILENT = ("/static/", "/health/", "/metrics", "/favicon")
_numbers = itertools.count()


def is_silent(path: str) -> bool:
    """Return whether a request says nothing about the product: files, and programs that ask whether it lives."""
    return path.startswith(_SILENT)


def find_share(method: str, path: str) -> int:
    """Return of how many requests like this one is recorded."""
    return DOOR_SHARE if method not in {"GET", "HEAD"} and _DOOR.match(path) else PAGE_SHARE


def draw(share: int) -> bool:
    """Return True once in `share` calls."""
    return next(_numbers) % share == 0
