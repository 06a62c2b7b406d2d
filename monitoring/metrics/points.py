"""Points on their way in: the one form that every adapter produces and the store takes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

SHOWN_REFUSALS = 100
"""How many refusals are described one by one; beyond that they are only counted."""


@dataclass(frozen=True, slots=True)
class SeriesIdentity:
    """What makes a series: name and labels (sorted by name, without ``__name__``, no empty values).

    ``cache_key`` is how the sender's bytes spelled it, None where the spelling can't be used as a key.
    """

    name: str
    labels: tuple[tuple[str, str], ...]
    cache_key: bytes | None = None

    def __str__(self) -> str:
        inner = ", ".join(f'{name}="{value}"' for name, value in self.labels)
        return f"{self.name}{{{inner}}}" if inner else self.name


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why points were not stored. ``index`` is the place of the series or point in the request, ``field`` the part at fault."""

    index: int
    field: str
    reason: str
    series: str = ""
    count: int = 1


@dataclass(slots=True)
class RefusalLog:
    """Refusals of one request: all counted, the first ones described."""

    count: int = 0
    shown: list[Refusal] = field(default_factory=list)

    def add(self, refusal: Refusal) -> None:
        """Count a refusal."""
        self.count += refusal.count
        if refusal.count and len(self.shown) < SHOWN_REFUSALS:
            self.shown.append(refusal)

    def extend(self, refusals: Iterable[Refusal]) -> None:
        """Count several."""
        for refusal in refusals:
            self.add(refusal)


@dataclass(slots=True)
class PointBatch:
    """The readable points of one request, in columns, and what in it could not be read.

    ``series`` holds an id where it is known, else -(n + 1) for ``unresolved[n]``. ``times`` are epoch milliseconds.
    ``indexes`` say where in the request each point stood, for messages.
    """

    series: NDArray[np.int64]
    times: NDArray[np.int64]
    values: NDArray[np.float64]
    indexes: NDArray[np.int64]
    unresolved: list[SeriesIdentity] = field(default_factory=list)
    refusals: RefusalLog = field(default_factory=RefusalLog)

    @property
    def received(self) -> int:
        """Return how many points the request held, readable or not."""
        return int(self.series.size) + self.refusals.count


@dataclass(frozen=True, slots=True)
class StoreResult:
    """What became of a batch: received = stored + refused + limited."""

    stored: int
    limited: int
    refusals: RefusalLog

    @property
    def refused(self) -> int:
        """Return how many points were refused for what they are."""
        return self.refusals.count


@dataclass(frozen=True, slots=True)
class Description:
    """What a sender says about a metric."""

    name: str
    type: str
    help: str
    unit: str
