"""Pages that tests open in a browser."""

from __future__ import annotations

import time

from playwright.sync_api import Page, Request

WAIT_SECONDS = 30.0
QUIET_MS = 300


class UnderWay:
    """Requests of a page that are not answered yet. A client counts those as lost that are under way when its page goes."""

    def __init__(self, page: Page) -> None:
        """Watch a page, from before it is opened."""
        self._page = page
        self._requests: set[Request] = set()
        page.on("request", self._begin)
        page.on("requestfinished", self._end)
        page.on("requestfailed", self._end)

    def wait(self) -> None:
        """Wait until nothing has been under way for a moment; AssertionError after half a minute."""
        deadline = time.monotonic() + WAIT_SECONDS
        quiet = 0
        while quiet < QUIET_MS:
            assert time.monotonic() < deadline, [one.url for one in self._requests]
            self._page.wait_for_timeout(50)
            quiet = 0 if self._requests else quiet + 50

    def _begin(self, request: Request) -> None:
        self._requests.add(request)

    def _end(self, request: Request) -> None:
        self._requests.discard(request)
