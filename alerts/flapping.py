"""Flapping: an alert that begins and ends over and over is not told of each time. Pure.

It flaps if its series began to fire MAX_STARTS times within WINDOW. Its messages are held then, unless it fires for REST
without a break: then it is there to stay and worth a message. Each time that happens within a DAY the next one has to stay
twice as long, so that what comes and goes in a slow rhythm falls silent too. What ends sooner makes nothing longer: a real
outage after hours of fluttering is told after REST.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

WINDOW = timedelta(hours=2)
DAY = timedelta(days=1)
MAX_STARTS = 3
REST = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, order=True)
class Episode:
    """A time for which a series fired; `ended` None: it still does."""

    began: datetime
    ended: datetime | None = None


@dataclass(frozen=True, slots=True)
class Flapping:
    """How often a series began to fire within WINDOW, this time included, and until when its messages are held if it goes on."""

    starts: int
    until: datetime


def find_flapping(episodes: Iterable[Episode], *, now: datetime) -> Flapping | None:
    """Return how the newest of a series' episodes flaps that are not older than a DAY, None if it does not.

    It is the one that goes on; the others are over.
    """
    lately: deque[datetime] = deque()
    rest = REST
    ordered = sorted((one for one in episodes if now - DAY < one.began <= now), key=lambda one: one.began)
    for episode in ordered:
        lately.append(episode.began)
        while lately[0] <= episode.began - WINDOW:
            lately.popleft()
        if len(lately) >= MAX_STARTS and episode is not ordered[-1] and _lasted(episode) >= rest:
            rest *= 2
    until = ordered[-1].began + rest if ordered else now
    return Flapping(len(lately), until) if len(lately) >= MAX_STARTS and now < until else None


def _lasted(episode: Episode) -> timedelta:
    return episode.ended - episode.began if episode.ended is not None else timedelta(0)


def describe_rhythm(starts: int) -> str:
    """Return what people should know who hear of an alert whose series began so often within WINDOW; empty for nothing.

    They are told before their messages stop, or the last that they hear would be that it is over.
    """
    if starts < MAX_STARTS - 1:
        return ""
    if starts == MAX_STARTS - 1:
        return f"Began {starts} times within two hours. Once more, and it is told only when it stays."
    return f"Began {starts} times within two hours. While that goes on, it is told only when it stays."
