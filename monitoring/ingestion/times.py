"""Times as clients write them. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, TypeGuard


def read_time(value: Any, *, shift: float = 0.0) -> datetime | None:
    """Return the moment of an RFC 3339 text, or of a number of seconds or milliseconds since 1970; None for what is neither.

    `shift` seconds are added to numbers: how far the client's clock is behind.
    """
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        if is_number(value):
            return datetime.fromtimestamp((value / 1000 if value > 1e11 else value) + shift, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


_MOST = 1e300


def is_number(value: Any) -> TypeGuard[int | float]:
    """Return whether a value of JSON is a number that arithmetic can use."""
    # Compared rather than converted: an integer may have thousands of digits.
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -_MOST < value < _MOST
