"""Sending measurements: batches of JSON, kept in memory while the server is away."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from typing import Any

import httpx

from monitoring.agent.catalogue import Sample
from monitoring.agent.limits import Allocation

logger = logging.getLogger(__name__)

#: Reports kept while the server is away: an hour and more at one every ten seconds, about 20 MB.
BACKLOG_REPORTS = 400
TIMEOUT_SECONDS = 10.0
#: Answers that tell us to try again; any other refusal would be the same next time.
RETRY_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})


class KeyRefused(Exception):
    """The server does not accept the key."""


class Reporter:
    """Reports to one application. Reports are sent oldest first; beyond the backlog's bound the oldest are dropped."""

    def __init__(self, *, url: str, key: str, host: str) -> None:
        self._client = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=TIMEOUT_SECONDS)
        self._host = host
        self._backlog: deque[list[dict[str, Any]]] = deque(maxlen=BACKLOG_REPORTS)

    @property
    def backlog(self) -> int:
        """Reports waiting to be sent."""
        return len(self._backlog)

    def report(self, samples: Sequence[Sample], *, now: float) -> bool:
        """Queue one report measured at `now` (epoch seconds) and send what is queued; True when nothing is left.

        Raises KeyRefused on 401 and 403. Any other trouble is logged, and the report waits for the next call.
        """
        self._backlog.append(
            [
                {
                    "name": sample.name,
                    "value": sample.value,
                    "timestamp": now,
                    "labels": {**sample.labels, "host": self._host},
                }
                for sample in samples
            ]
        )
        while self._backlog:
            if not self._send(self._backlog[0]):
                return False
            self._backlog.popleft()
        return True

    def fetch_allocation(self) -> Allocation | None:
        """Ask what the application may use; None when the server can't say now."""
        try:
            answer = self._client.get("/api/v1/applications/current/")
        except httpx.HTTPError as error:
            logger.info("the allocation can't be read: %s", error)
            return None
        if answer.status_code != httpx.codes.OK:
            return None
        try:
            document = answer.json()
        except ValueError:
            document = None
        if not isinstance(document, dict):
            # A proxy's own page, for one; the agent must go on measuring.
            logger.info("the allocation can't be read: the answer is no JSON object")
            return None
        return Allocation(document.get("allocated_bandwidth"), document.get("allocated_storage"))

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _send(self, points: list[dict[str, Any]]) -> bool:
        """Return True when the report is off our hands: stored, or refused for good."""
        try:
            answer = self._client.post("/api/v1/metrics/", json={"points": points})
        except httpx.HTTPError as error:
            logger.warning(
                "the server does not answer (%s); %d reports wait", str(error) or type(error).__name__, self.backlog
            )
            return False
        if answer.status_code in {401, 403}:
            raise KeyRefused(answer.text)
        if answer.status_code in RETRY_STATUSES:
            logger.warning("the server answered %d; %d reports wait", answer.status_code, self.backlog)
            return False
        if answer.is_error:
            logger.error("the server refused a report for good: %d %s", answer.status_code, answer.text[:500])
        return True
