"""What measurements come to: p75 against target, how many were good, and one sentence about all of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from config.figures import write_seconds
from monitoring.browser.targets import CORE, JUDGED, QUANTILE, TARGETS, Rating, Target, count_views
from monitoring.metrics.sketch import Sketch
from monitoring.releases.statistics import measure_share

FEW = 50
"""Of fewer measurements a p75 says little: they are shown, and said to be few."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many measurements there were of one vital, and how many of them were good and poor."""

    count: int = 0
    good: int = 0
    poor: int = 0

    @property
    def needs_work(self) -> int:
        """Those that are neither."""
        return self.count - self.good - self.poor

    def __add__(self, other: Tally) -> Tally:
        """Return both together."""
        return Tally(self.count + other.count, self.good + other.good, self.poor + other.poor)


@dataclass(frozen=True, slots=True)
class Summary:
    """One vital: its tally and its 75th percentile, within 1 %."""

    target: Target
    tally: Tally
    p75: float

    @property
    def name(self) -> str:
        """The vital's name."""
        return self.target.name

    @property
    def rating(self) -> Rating:
        """How the 75th percentile stands to the target."""
        return self.target.rate(self.p75)

    @property
    def is_sure(self) -> bool:
        """Whether there are enough measurements to go by."""
        return self.tally.count >= FEW

    @property
    def text(self) -> str:
        """The 75th percentile as people read it."""
        return write_figure(self.target, self.p75)


@dataclass(frozen=True, slots=True)
class Member:
    """All vitals of one page, device, browser, connection or release; empty: the client did not say."""

    name: str
    tallies: Mapping[str, Tally]

    @property
    def views(self) -> int:
        """How many page views stand behind it."""
        return count_views({name: tally.count for name, tally in self.tallies.items()})

    @property
    def misery(self) -> float:
        """The share of measurements that miss a target, of the core vital that is worst, as far as their number proves it.

        The lower bound of the 95 % interval: a page that was slow once is not worse than one that is slow for everybody.
        """
        shares = (self.tallies.get(name, Tally()) for name in CORE)
        found = (measure_share(tally.count - tally.good, tally.count) for tally in shares)
        return max((share.low for share in found if share is not None), default=0.0)


def summarise(tallies: Mapping[str, Tally], sketches: Mapping[str, Sketch]) -> dict[str, Summary]:
    """Return what is judged, in the order of JUDGED; vitals without measurements are left out."""
    return {
        name: Summary(TARGETS[name], tallies[name], sketches[name].quantile(QUANTILE))
        for name in JUDGED
        if name in sketches and name in tallies and sketches[name].count
    }


def write_figure(target: Target, value: float) -> str:
    """Return a value in its unit: 2.41 s, 180 ms, 0.08."""
    return write_seconds(value) if target.unit == "seconds" else f"{value:.2f}"


def write_headline(summaries: Iterable[Summary]) -> tuple[Rating | None, str]:
    """Return how pages feel, in one sentence, and the worst rating in it; None of nothing.

    Files and long tasks are causes, not feelings: they do not count.
    """
    felt = [one for one in summaries if one.name not in {"asset", "longtask"}]
    if not felt:
        return None, "Nothing was measured in this time."
    missed = [one for one in felt if one.rating is not Rating.GOOD]
    if not missed:
        number = (
            "The one vital that is measured meets its target"
            if len(felt) == 1
            else f"all {len(felt)} vitals meet their targets"
        )
        return Rating.GOOD, f"Pages feel fast: {number}." if len(felt) > 1 else f"{number}."
    worst = max(missed, key=lambda one: (one.rating is Rating.POOR, one.p75 / one.target.good))
    verb = "misses its target" if len(missed) == 1 else "miss their targets"
    what = f"{worst.target.title.lower()} is {worst.text} instead of {write_figure(worst.target, worst.target.good)}"
    rating = Rating.POOR if any(one.rating is Rating.POOR for one in missed) else Rating.NEEDS_WORK
    return rating, f"{len(missed)} of {len(felt)} vitals {verb}: {what}."


def order_members(members: Sequence[Member], *, by: str) -> list[Member]:
    """Return members with the worst first, or with the most views first (`by` "views"), or by name."""
    if by == "name":
        return sorted(members, key=lambda one: one.name)
    if by == "views":
        return sorted(members, key=lambda one: (-one.views, one.name))
    return sorted(members, key=lambda one: (-one.misery, -one.views, one.name))
