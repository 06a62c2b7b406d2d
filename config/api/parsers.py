"""Request bodies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from config.api.errors import BodyTooLarge


class JSONParser(BaseParser):
    """JSON by msgspec: four times as fast as the standard library's, and strict (no NaN, no trailing commas)."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        """Return the decoded body; raise BodyTooLarge, or ParseError naming the byte where it stops being JSON."""
        try:
            return msgspec.json.decode(_read_bounded(stream, limit=settings.DATA_UPLOAD_MAX_MEMORY_SIZE))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ParseError(f"The body is not JSON: {error}") from error
        except RecursionError as error:
            raise ParseError("The body is nested too deeply.") from error


def _read_bounded(stream: Any, *, limit: int) -> bytes:
    """Return the whole body; raise BodyTooLarge beyond `limit` bytes. Django bounds `body`, and not what is read as a stream."""
    content: bytes = stream.read(limit + 1)
    if len(content) > limit:
        raise BodyTooLarge(f"A request body may hold at most {limit} bytes.")
    return content
