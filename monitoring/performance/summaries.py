"""What hours of requests or queries add up to. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from monitoring.metrics.sketch import Sketch


@dataclass(frozen=True, slots=True)
class Figures:
    """How many, of those failed and slow, seconds in all and at most; percentiles where sketches were read."""

    count: int = 0
    failed: int = 0
    slow: int = 0
    seconds: float = 0.0
    longest: float = 0.0
    sketch: Sketch | None = None

    @property
    def average(self) -> float | None:
        """Seconds; None without any."""
        return self.seconds / self.count if self.count else None

    @property
    def error_share(self) -> float | None:
        """Which share failed; None without any."""
        return self.failed / self.count if self.count else None

    def quantile(self, q: float) -> float | None:
        """Return a percentile in seconds, within 1 %; None where nothing is known."""
        return self.sketch.quantile(q) if self.sketch is not None and self.sketch.count else None

    @property
    def p50(self) -> float | None:
        """The median."""
        return self.quantile(0.5)

    @property
    def p75(self) -> float | None:
        """Three of four are faster."""
        return self.quantile(0.75)

    @property
    def p95(self) -> float | None:
        """19 of 20 are faster."""
        return self.quantile(0.95)

    @property
    def p99(self) -> float | None:
        """99 of 100 are faster."""
        return self.quantile(0.99)


def add_up(rows: Iterable[tuple[int, int, int, float, float, bytes | memoryview | None]]) -> Figures:
    """Return what rows of (count, failed, slow, seconds, longest, sketch) are together."""
    count = failed = slow = 0
    seconds = longest = 0.0
    sketches: list[Sketch] = []
    for one in rows:
        count, failed, slow = count + one[0], failed + one[1], slow + one[2]
        seconds, longest = seconds + one[3], max(longest, one[4])
        if one[5] is not None:
            sketches.append(Sketch.from_bytes(bytes(one[5])))
    return Figures(count, failed, slow, seconds, longest, Sketch.merge(sketches) if sketches else None)
