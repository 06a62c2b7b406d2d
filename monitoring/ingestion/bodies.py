"""Request bodies, inflated within limits: what comes over the wire and what it becomes are both bounded while reading."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import cramjam
import numpy as np
from django.http import HttpRequest, UnreadablePostError

from config.api.errors import BodyInvalid, BodyTooLarge, MediaTypeUnsupported
from config.settings import OPTION

READ_BYTES = 256 * 1024
PIECE_BYTES = 64 * 1024
MAX_MEMBERS = 10_000
"""Streams that one gzip body may consist of; parallel compressors make one of every 64 KiB or more."""
_GZIP_BITS, _ZLIB_BITS, _RAW_BITS = 31, 15, -15


def read_wire_body(request: HttpRequest, *, max_bytes: int) -> bytes:
    """Return the body as it was sent. Raises BodyTooLarge beyond ``max_bytes``, BodyInvalid when the client goes away."""
    declared = request.META.get("CONTENT_LENGTH") or "0"
    if declared.isdigit() and int(declared) > max_bytes:
        raise BodyTooLarge(f"The body has {declared} bytes; at most {max_bytes} are read. Send smaller batches.")
    parts, size = [], 0
    try:
        while part := request.read(READ_BYTES):
            parts.append(part)
            size += len(part)
            if size > max_bytes:
                raise BodyTooLarge(f"The body has more than {max_bytes} bytes. Send smaller batches.")
    except UnreadablePostError as error:
        raise BodyInvalid("The body ended before its declared length.") from error
    return b"".join(parts)


def read_body(request: HttpRequest, *, max_bytes: int | None = None) -> bytes:
    """Return the body, inflated as Content-Encoding says: gzip, deflate, zstd, br or none.

    Raises MediaTypeUnsupported for any other encoding, BodyTooLarge beyond MAX_COMPRESSED_BODY_BYTES on the wire or
    `max_bytes` (None: MAX_BODY_BYTES) inflated, BodyInvalid for a broken stream.
    """
    encoding = request.headers.get("Content-Encoding", "").strip().lower()
    limit = int(OPTION["MAX_BODY_BYTES"]) if max_bytes is None else max_bytes
    if encoding in {"", "identity"}:
        return read_wire_body(request, max_bytes=limit)
    inflate = _INFLATERS.get(encoding)
    if inflate is None:
        raise MediaTypeUnsupported(f"Content-Encoding {encoding!r} is not one of gzip, deflate, zstd, br.")
    return inflate(read_wire_body(request, max_bytes=int(OPTION["MAX_COMPRESSED_BODY_BYTES"])), limit)


def _inflate_gzip(data: bytes, limit: int) -> bytes:
    return _inflate_zlib(data, limit, _GZIP_BITS)


def _inflate_deflate(data: bytes, limit: int) -> bytes:
    """Inflate zlib's format, which "deflate" means, or the raw stream that some clients send under its name."""
    looks_like_zlib = len(data) >= 2 and data[0] & 0x0F == 8 and int.from_bytes(data[:2], "big") % 31 == 0
    return _inflate_zlib(data, limit, _ZLIB_BITS if looks_like_zlib else _RAW_BITS)


def _inflate_zlib(data: bytes, limit: int, bits: int) -> bytes:
    """Inflate one stream, or, of gzip, several one after the other, fed in pieces: what is left over is copied each time."""
    view, place, members = memoryview(data), 0, 0
    parts: list[bytes] = []
    size = 0
    while place < len(view):
        members += 1
        if members > MAX_MEMBERS:
            raise BodyInvalid(f"The compressed body has more than {MAX_MEMBERS} members.")
        stream = zlib.decompressobj(bits)
        while not stream.eof:
            piece = view[place : place + PIECE_BYTES]
            if not piece:
                raise BodyInvalid("The compressed body ends too early.")
            part = _inflate_piece(stream, piece, limit - size + 1)
            place += len(piece) - len(stream.unused_data)
            size += len(part)
            if size > limit:
                raise _too_large(limit)
            parts.append(part)
        if bits != _GZIP_BITS:
            break
    return b"".join(parts)


def _inflate_piece(stream: Any, piece: memoryview, max_bytes: int) -> bytes:
    try:
        return bytes(stream.decompress(piece, max_bytes))
    except zlib.error as error:
        raise BodyInvalid(f"The compressed body is broken: {error}.") from error


def _inflate_zstd(data: bytes, limit: int) -> bytes:
    return _inflate_into(cramjam.zstd.decompress_into, data, limit)


def _inflate_brotli(data: bytes, limit: int) -> bytes:
    return _inflate_into(cramjam.brotli.decompress_into, data, limit)


def _inflate_into(inflate: Callable[[bytes, Any], int], data: bytes, limit: int) -> bytes:
    # Untouched pages of the buffer cost nothing, so it may have room for the limit.
    room = np.empty(limit + 1, np.uint8)
    try:
        size = inflate(data, room)
    except cramjam.DecompressionError as error:
        if "write whole buffer" in str(error):
            raise _too_large(limit) from error
        raise BodyInvalid(f"The compressed body is broken: {error}.") from error
    if size > limit:
        raise _too_large(limit)
    return room[:size].tobytes()


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"The body inflates to more than {limit} bytes. Send smaller batches.")


_INFLATERS: dict[str, Callable[[bytes, int], bytes]] = {
    "gzip": _inflate_gzip,
    "x-gzip": _inflate_gzip,
    "deflate": _inflate_deflate,
    "zstd": _inflate_zstd,
    "br": _inflate_brotli,
}
