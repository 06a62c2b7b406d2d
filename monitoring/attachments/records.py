"""Attachments on their way in: named, bounded, scrubbed as far as they are text. Pure.

Source: develop.sentry.dev/sdk/data-model/envelope-items, attachment.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from monitoring.errors.compression import compress
from monitoring.errors.scrubbing import ScrubRules, scrub

MAX_NAME, MAX_TYPE = 150, 100
MAX_OF_EVENT = 20
"""How many files one event may have."""

PLAIN = "event.attachment"
_TEXT_TYPES = ("text/", "application/json", "application/xml", "application/x-yaml", "application/javascript")
_TEXT_NAMES = (".txt", ".log", ".json", ".xml", ".csv", ".yml", ".yaml", ".ini", ".env", ".html", ".svg")
_PIECE = 12_000  # characters that are scrubbed together; whole lines, as far as they are no longer

#: What the first bytes of pictures look like that a browser shows without running anything in them.
_PICTURES: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)


@dataclass(frozen=True, slots=True)
class AttachmentRecord:
    """One file of an event. `data` is compressed; `digest` stands for it as it came, `bytes_` is how long that is."""

    application_id: int
    event_id: UUID
    received_at: datetime
    name: str
    content_type: str
    kind: str
    bytes_: int
    digest: bytes
    data: bytes

    @property
    def size(self) -> int:
        """Return how many bytes are written."""
        return 200 + len(self.data)


def make_attachment(
    payload: bytes,
    header: Mapping[str, Any],
    *,
    application_id: int,
    event_id: UUID,
    received_at: datetime,
    rules: ScrubRules,
) -> AttachmentRecord:
    """Return the record of a file and the header it came with. Texts are scrubbed; of other files nobody knows what they hold."""
    name = clean_name(header.get("filename"))
    content_type = _word(header.get("content_type"))
    return AttachmentRecord(
        application_id=application_id,
        event_id=event_id,
        received_at=received_at,
        name=name,
        content_type=content_type,
        kind=_word(header.get("attachment_type")) or PLAIN,
        bytes_=len(payload),
        digest=hashlib.blake2b(name.encode() + b"\x00" + payload, digest_size=16).digest(),
        data=compress(_scrub_text(payload, name, content_type, rules)),
    )


def clean_name(value: object) -> str:
    """Return a file's name without its path and without what no file name should hold."""
    text = value if isinstance(value, str) else ""
    text = text.replace("\\", "/").rpartition("/")[2]
    text = "".join(each for each in text if unicodedata.category(each)[0] != "C" and each not in '"<>|:*?').strip(" .")
    return text[-MAX_NAME:] or "unnamed"


def find_picture_type(data: bytes) -> str:
    """Return the type of a picture that may be shown in a page, empty for anything else (SVG is a document, not a picture)."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for start, kind in _PICTURES if data.startswith(start)), "")


def _scrub_text(payload: bytes, name: str, content_type: str, rules: ScrubRules) -> bytes:
    if not content_type.startswith(_TEXT_TYPES) and not name.lower().endswith(_TEXT_NAMES):
        return payload
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        return payload
    cleaned = scrub({"text": _split(text)}, rules=rules)["text"]
    return "".join(cleaned).encode()


def _split(text: str) -> list[str]:
    """Return the text in pieces of whole lines, which the scrubber takes one by one: longer ones it would cut."""
    pieces: list[str] = []
    for line in text.splitlines(keepends=True):
        for start in range(0, len(line), _PIECE):
            part = line[start : start + _PIECE]
            if pieces and len(pieces[-1]) + len(part) <= _PIECE:
                pieces[-1] += part
            else:
                pieces.append(part)
    # Pairs in a list would be read as a name and its value.
    return [*pieces, ""] if len(pieces) == 2 else pieces


def _word(value: object) -> str:
    text = value if isinstance(value, str) else ""
    return "".join(each for each in text if each.isascii() and each.isprintable())[:MAX_TYPE].lower()
