"""What comparisons found, in people's words. Pure."""

from __future__ import annotations

from config.figures import write_ratio, write_seconds

CERTAIN_P = 1e-9
COMMON_P = 0.05
MIN_DIGITS_RATIO = 0.0005
#: What is counted, and out of what, by reason.
_COUNTED = {
    "crashes": ("crashed", "sessions"),
    "errors": ("met errors or crashed", "sessions"),
    "failed_requests": ("failed", "requests"),
}


def say_chance(p_value: float) -> str:
    """Return what a p-value means: how often chance alone shows as much, were both releases alike."""
    if p_value >= COMMON_P:
        return f"Chance alone shows as much often (p = {p_value:.2f})."
    if p_value < CERTAIN_P:
        return "Chance alone shows as much less than once in a billion times."
    once = round(1 / p_value, 1 - len(str(int(1 / p_value))))
    return f"Chance alone shows as much about once in {once:,.0f} times (p = {p_value:.2g})."


def say_share(reason: str, count: int, total: int) -> str:
    """Return a share, or a number of new errors in so much time, in words."""
    if reason == "new_issues":
        return f"{count:,} new in {write_seconds(total)}"
    verb, noun = _COUNTED.get(reason, ("bad", "of them"))
    return f"{count:,} of {total:,} {noun} {verb} ({write_share(count / total if total else 0)})"


def write_share(ratio: float) -> str:
    """Return a share with as many digits as tell it from 0 and from 100 %: never rounded to either."""
    if 0 < ratio < MIN_DIGITS_RATIO:
        return "< 0.05 %"
    if 1 - MIN_DIGITS_RATIO < ratio < 1:
        return f"{int(ratio * 100_000) / 1000:.3f} %"
    return write_ratio(ratio)
