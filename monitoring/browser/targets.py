"""How fast pages have to be: the product's targets and the limits beyond which nothing is excused. Pure.

A page meets a target when its 75th percentile does: three of four page views, so that neither the office's fast machines nor
one bad line decide. Sources: product section 1, "Targets"; limits of poor and TTFB: web.dev/articles/vitals (LCP, INP, CLS) and
web.dev/articles/fcp, /ttfb, /fid; long tasks: the RAIL model's 100 ms for an answer. Where neither names a limit
(load, assets), poor is twice the target, for time to interactive that of Lighthouse (developer.chrome.com/docs/lighthouse).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

QUANTILE = 0.75


class Rating(StrEnum):
    """How a value stands to its target."""

    GOOD = "good"
    NEEDS_WORK = "needs_work"
    POOR = "poor"


@dataclass(frozen=True, slots=True)
class Target:
    """What one vital has to be: below `good` it meets the target, above `poor` it is beyond excuse.

    `unit` is a chart's: seconds, or number for a share without unit. `title` is short enough for a card, `words` says to a
    reader what is measured.
    """

    name: str
    title: str
    words: str
    good: float
    poor: float
    unit: str = "seconds"

    def rate(self, value: float) -> Rating:
        """Return how a value stands to the target."""
        if value < self.good:
            return Rating.GOOD
        return Rating.POOR if value > self.poor else Rating.NEEDS_WORK


TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        Target("lcp", "Largest content", "until the largest picture or text stands (LCP)", 2.5, 4.0),
        Target("inp", "Answer to a click", "from a click or key to the next picture (INP)", 0.2, 0.5),
        Target("cls", "Layout shift", "how much of the page jumps while it is read (CLS)", 0.1, 0.25, "number"),
        Target("fcp", "First content", "until something is seen (FCP)", 1.5, 3.0),
        Target("ttfb", "First byte", "until the server's answer begins (TTFB)", 0.8, 1.8),
        Target("fid", "First click", "how long the first click waits (FID)", 0.1, 0.3),
        Target("load", "First page load", "the first view of the application, until everything is there", 2.0, 4.0),
        Target("load_repeat", "Later page load", "every later view, until everything is there", 1.0, 2.0),
        Target("route", "Change of view", "from a change of view until the page is quiet", 1.0, 2.0),
        Target("tti", "Interactive", "until the page answers (TTI)", 3.0, 7.3),
        Target("asset", "Scripts, styles, pictures", "one file that the page needs", 0.5, 1.0),
        Target("longtask", "Long tasks", "how long the page was busy and answered nobody", 0.1, 0.3),
    )
}
#: What a page is judged by, in the order of cards: the field's three, then what leads to them.
JUDGED = ("lcp", "inp", "cls", "fcp", "ttfb", "fid", "load", "load_repeat", "route", "tti", "asset", "longtask")
#: The field's core three: what home and rules look at.
CORE = ("lcp", "inp", "cls")
#: Columns of tables: more don't fit, and the others follow from these.
COLUMNS = ("lcp", "inp", "cls", "fcp", "ttfb", "load")
#: One measurement of these is one view of a page; a view may have several of them.
VIEWS = ("ttfb", "fcp", "lcp")
LOADS = ("load", "load_repeat", "route")


def limits() -> tuple[list[str], list[float], list[float]]:
    """Return names, targets and poor limits in columns, for judging many values at once."""
    found = list(TARGETS.values())
    return [one.name for one in found], [one.good for one in found], [one.poor for one in found]


def count_views(counts: dict[str, int]) -> int:
    """Return how many page views stand behind numbers of measurements by vital.

    Browsers differ in what they measure, so the most frequent kind says it; loads and changes of view exclude each other.
    """
    return max(sum(counts.get(name, 0) for name in LOADS), *(counts.get(name, 0) for name in VIEWS))
