"""What a series may be called: names, labels and their limits."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterable, Sequence

from monitoring.metrics.points import SeriesIdentity

MAX_LABELS = 64
MAX_NAME_LENGTH = 200
MAX_VALUE_BYTES = 2048
NAME_LABEL = "__name__"

_METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*\Z")
_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*\Z")
SHOWN_CHARACTERS = 60


class SeriesInvalid(Exception):
    """A series can't be called that. ``field`` is the part at fault, ``reason`` says why and what would do."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


def identify_series(pairs: Iterable[tuple[str, str]], *, cache_key: bytes | None = None) -> SeriesIdentity:
    """Return the identity that label pairs, ``__name__`` among them, spell in any order. Raises SeriesInvalid."""
    labels = sorted(pairs)
    check_label_count(len(labels))
    _check_unique(labels)
    metric = dict(labels).get(NAME_LABEL, "")
    check_metric_name(metric)
    rest = tuple((name, value) for name, value in labels if name != NAME_LABEL)
    for name, value in rest:
        check_label(name, value)
    return SeriesIdentity(metric, rest, cache_key)


def check_label_count(count: int) -> None:
    """Raise SeriesInvalid for more labels, ``__name__`` among them, than are kept."""
    if count > MAX_LABELS + 1:
        raise SeriesInvalid("labels", f"{count - 1} labels; at most {MAX_LABELS} are kept")


def check_metric_name(name: str) -> None:
    """Raise SeriesInvalid unless ``name`` is a metric's name."""
    if not name:
        raise SeriesInvalid("name", f"is missing (label {NAME_LABEL})")
    if len(name) > MAX_NAME_LENGTH:
        raise SeriesInvalid("name", f"has {len(name)} characters; at most {MAX_NAME_LENGTH} are kept")
    if not _METRIC_NAME.match(name):
        raise SeriesInvalid("name", f"{shorten(name)!r} is not a metric name: letters, digits, _ and :, no digit first")


def is_metric_name(name: str) -> bool:
    """Return whether ``name`` can be kept as a metric's name."""
    return len(name) <= MAX_NAME_LENGTH and _METRIC_NAME.match(name) is not None


def check_label(name: str, value: str) -> None:
    """Raise SeriesInvalid unless this is a label that can be kept."""
    if not name:
        raise SeriesInvalid("labels", "a label has no name")
    if len(name) > MAX_NAME_LENGTH:
        raise SeriesInvalid("labels", f"a label name has {len(name)} characters; at most {MAX_NAME_LENGTH} are kept")
    if not _LABEL_NAME.match(name):
        raise SeriesInvalid("labels", f"{shorten(name)!r} is not a label name: letters, digits and _, no digit first")
    if not value:
        raise SeriesInvalid(f"labels.{name}", "is empty; leave the label out")
    if "\x00" in value:
        raise SeriesInvalid(f"labels.{name}", "contains a zero byte")
    if len(value) * 4 > MAX_VALUE_BYTES and len(value.encode()) > MAX_VALUE_BYTES:
        raise SeriesInvalid(f"labels.{name}", f"is longer than {MAX_VALUE_BYTES} bytes")


def _check_unique(labels: Sequence[tuple[str, str]]) -> None:
    for (name, _), (following, _) in itertools.pairwise(labels):
        if name == following:
            raise SeriesInvalid("labels", f"{shorten(name)!r} occurs twice")


def fingerprint(identity: SeriesIdentity) -> bytes:
    """Return 16 bytes that stand for the identity in the database's unique index."""
    parts = [identity.name, *(part for pair in identity.labels for part in pair)]
    return hashlib.blake2b("\x00".join(parts).encode(), digest_size=16).digest()


def shorten(text: str, length: int = SHOWN_CHARACTERS) -> str:
    """Return ``text`` short enough for a message or a column, and without zero bytes, which PostgreSQL can't keep."""
    clean = text.replace("\x00", "\N{REPLACEMENT CHARACTER}")
    return clean if len(clean) <= length else clean[: length - 1] + "…"
