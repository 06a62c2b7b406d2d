"""Payloads as they are kept: JSON, zstd-compressed. Pure."""

from __future__ import annotations

import cramjam

LEVEL = 3


def compress(data: bytes) -> bytes:
    """Return the data as a zstd frame."""
    return bytes(cramjam.zstd.compress(data, level=LEVEL))


def decompress(data: bytes) -> bytes:
    """Return the data of a zstd frame that `compress` made."""
    return bytes(cramjam.zstd.decompress(data))
