"""Which characters of a file can't be kept. Pure."""

from __future__ import annotations

import re

#: What PostgreSQL takes in no text, and what UTF-8 has no bytes for: halves of surrogate pairs.
_UNKEPT = re.compile(r"[\x00\ud800-\udfff]")


def judge_text(text: str) -> str:
    """Return why a text can't be kept, empty if it can."""
    found = _UNKEPT.search(text)
    return f"The character U+{ord(found.group()):04X} can't be kept." if found else ""
