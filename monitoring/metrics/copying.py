"""PostgreSQL's binary COPY format, in and out, as numpy columns. Pure: bytes and arrays.

Writing: rows of fixed width are one structured array. Reading: one row per series, whose columns are arrays, because a
row per point costs the driver more than the server.
Source: postgresql.org/docs/15/sql-copy.html, "Binary Format"; array_send in arrayfuncs.c.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
TRAILER = b"\xff\xff"

_ARRAY_HEAD = struct.Struct(">iiIii")  # dimensions, has nulls, element type, length, lower bound
_EMPTY_ARRAY_BYTES = 12
_FIELD = struct.Struct(">i")
_FIELDS = struct.Struct(">h")

_POINT_ROW = np.dtype(
    [
        ("fields", ">i2"),
        ("time_bytes", ">i4"),
        ("time", ">i8"),
        ("value_bytes", ">i4"),
        ("value", ">i8"),
        ("application_bytes", ">i4"),
        ("application", ">i4"),
        ("series_bytes", ">i4"),
        ("series", ">i4"),
    ]
)


def write_points(
    applications: NDArray[np.int64], series: NDArray[np.int64], times: NDArray[np.int64], values: NDArray[np.float64]
) -> bytes:
    """Return points as COPY rows for the columns (time, value, application, series)."""
    rows = np.empty(times.size, _POINT_ROW)
    rows["fields"] = 4
    rows["time_bytes"] = rows["value_bytes"] = 8
    rows["application_bytes"] = rows["series_bytes"] = 4
    rows["application"], rows["series"] = applications, series
    rows["time"] = times
    # As integers, bit for bit: a conversion between floats might quieten the stale marker's NaN.
    rows["value"] = values.view(np.int64)
    return rows.tobytes()


class RowLayout:
    """Packs rows of fixed columns followed by one bytea. ``kinds`` are struct codes: i int4, q int8, d float8."""

    def __init__(self, kinds: str) -> None:
        sizes = {"i": 4, "q": 8, "d": 8}
        self._widths = [sizes[kind] for kind in kinds]
        self._struct = struct.Struct(">h" + "".join(f"i{kind}" for kind in kinds) + "i")
        self._fields = len(kinds) + 1

    def pack(self, columns: tuple[Any, ...], payload: bytes) -> bytes:
        """Return one row."""
        members: list[Any] = [self._fields]
        for width, value in zip(self._widths, columns, strict=True):
            members += width, value
        return self._struct.pack(*members, len(payload)) + payload


def read_rows(data: bytes) -> Iterator[list[bytes]]:
    """Yield the rows of a COPY stream, each a list of its columns' bytes. Raises ValueError when it is cut short."""
    if not data.startswith(HEADER[:11]):
        raise ValueError("not a binary COPY stream")
    place = len(HEADER)
    while True:
        (fields,) = _FIELDS.unpack_from(data, place)
        place += _FIELDS.size
        if fields < 0:
            return
        row = []
        for _ in range(fields):
            (size,) = _FIELD.unpack_from(data, place)
            place += _FIELD.size
            row.append(data[place : place + size])
            place += size
        yield row


def read_int(field: bytes) -> int:
    """Return an integer column of any width."""
    return int.from_bytes(field, "big", signed=True)


def read_array(field: bytes, kind: str) -> NDArray[Any]:
    """Return an array column without nulls; ``kind`` is numpy's big-endian code of its elements: ">i4" or ">i8"."""
    if len(field) <= _EMPTY_ARRAY_BYTES:
        return np.empty(0, kind[1:])
    _, _, _, size, _ = _ARRAY_HEAD.unpack_from(field)
    elements = np.frombuffer(field, np.dtype([("size", ">i4"), ("value", kind)]), size, _ARRAY_HEAD.size)
    return elements["value"].astype(kind[1:])


def read_floats(field: bytes) -> NDArray[np.float64]:
    """Return an array column of float8 without nulls, bit for bit."""
    return read_array(field, ">i8").view(np.float64)


def read_byte_arrays(field: bytes) -> list[bytes]:
    """Return an array column of bytea without nulls."""
    if len(field) <= _EMPTY_ARRAY_BYTES:
        return []
    _, _, _, size, _ = _ARRAY_HEAD.unpack_from(field)
    place, parts = _ARRAY_HEAD.size, []
    for _ in range(size):
        (length,) = _FIELD.unpack_from(field, place)
        place += _FIELD.size
        parts.append(field[place : place + length])
        place += length
    return parts
