"""The packed form of one series' points: columns, differences, byte planes, zstd. Lossless to the last bit.

Times become differences of differences (all zero at a steady interval, then nothing is written). Values that are short
decimals become integers and their differences; all others are XORed with their predecessor. What remains is laid out
byte plane by byte plane, because the high bytes of neighbours resemble each other, and compressed.
Source: Pelkonen et al.: "Gorilla: a fast, scalable, in-memory time series database", VLDB 2015.
"""

from __future__ import annotations

import struct

import cramjam
import numpy as np
from numpy.typing import NDArray

VERSION = 1
ZSTD_LEVEL = 3

_HEADER = struct.Struct("<BBBBIqq")  # version, mode, decimals, widths, points, first time, first step
_FIRST = struct.Struct("<q")
_CONSTANT, _DECIMAL, _XOR = 0, 1, 2
_COMPRESSED = 0x80
_MODE = 0x0F
_COMPRESS_FROM_BYTES = 32
_MAX_DECIMALS = 6
_MAX_EXACT = float(2**53)
_POWERS = [10.0**digits for digits in range(_MAX_DECIMALS + 1)]
_WIDTHS: tuple[type[np.unsignedinteger], ...] = (np.uint8, np.uint16, np.uint32, np.uint64)


def _zigzag(numbers: NDArray[np.int64]) -> NDArray[np.uint64]:
    return ((numbers << 1) ^ (numbers >> 63)).view(np.uint64)


def _unzigzag(numbers: NDArray[np.uint64]) -> NDArray[np.int64]:
    return (numbers >> np.uint64(1)).view(np.int64) ^ -(numbers & np.uint64(1)).view(np.int64)


def _planes(numbers: NDArray[np.uint64]) -> tuple[int, bytes]:
    """Return the narrowest width's index (0: 1 byte ... 3: 8 bytes) and the numbers as byte planes."""
    largest = int(numbers.max())
    width = 0 if largest < 1 << 8 else 1 if largest < 1 << 16 else 2 if largest < 1 << 32 else 3
    narrow = numbers.astype(_WIDTHS[width])
    return width, narrow.view(np.uint8).reshape(numbers.size, -1).T.tobytes()


def _from_planes(data: bytes, width: int, count: int) -> NDArray[np.uint64]:
    kind = _WIDTHS[width]
    size = 1 << width
    planes = np.frombuffer(data, np.uint8, count * size).reshape(size, count)
    return np.ascontiguousarray(planes.T).view(kind).reshape(count).astype(np.uint64)


def _as_decimals(values: NDArray[np.float64], bits: NDArray[np.int64]) -> tuple[int, NDArray[np.int64]] | None:
    """Return (digits, integers) with integers / 10**digits equal to ``values`` bit for bit, or None."""
    if not np.isfinite(values).all():
        return None
    largest = float(np.abs(values).max())
    probe = values[:8]
    for digits, power in enumerate(_POWERS):
        if largest * power >= _MAX_EXACT:
            return None
        if ((np.rint(probe * power) / power).view(np.int64) != bits[:8]).any():
            continue
        # Through integers and back, as decoding does: -0.0 must fail here.
        scaled = np.rint(values * power).astype(np.int64)
        if ((scaled.astype(np.float64) / power).view(np.int64) == bits).all():
            return digits, scaled
    return None


def encode_points(times: NDArray[np.int64], values: NDArray[np.float64]) -> bytes:
    """Return the packed form of points, at least one; ``times`` in epoch milliseconds, ascending.

    Every bit of every value returns: NaN payloads (stale markers), signed zeros and infinities too.
    """
    count = int(times.size)
    if count == 0 or count != values.size:
        raise ValueError("a chunk holds at least one point, and as many times as values")
    bits = np.ascontiguousarray(values, np.float64).view(np.int64)
    steps = np.diff(times)
    first_step = int(steps[0]) if count > 1 else 0
    time_width, time_planes = 0, b""
    if count > 2:
        bends = np.diff(steps)
        if bends.any():
            time_width, time_planes = _planes(_zigzag(bends))
    mode, digits, value_width, first_value, value_planes = _encode_values(bits.view(np.float64), bits)
    body = value_planes + time_planes
    if len(body) >= _COMPRESS_FROM_BYTES:
        packed = bytes(cramjam.zstd.compress(body, ZSTD_LEVEL))
        if len(packed) < len(body):
            body, mode = packed, mode | _COMPRESSED
    widths = value_width << 4 | (time_width + 1 if time_planes else 0)
    return (
        _HEADER.pack(VERSION, mode, digits, widths, count, int(times[0]), first_step) + _FIRST.pack(first_value) + body
    )


def _encode_values(values: NDArray[np.float64], bits: NDArray[np.int64]) -> tuple[int, int, int, int, bytes]:
    first = int(bits[0])
    if (bits == first).all():
        return _CONSTANT, 0, 0, first, b""
    decimals = _as_decimals(values, bits)
    if decimals is not None:
        digits, integers = decimals
        width, planes = _planes(_zigzag(np.diff(integers)))
        return _DECIMAL, digits, width, int(integers[0]), planes
    width, planes = _planes((bits[1:] ^ bits[:-1]).view(np.uint64))
    return _XOR, 0, width, first, planes


def decode_points(data: bytes) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return (times, values) as given to ``encode_points``. Raises ValueError when ``data`` is not a chunk."""
    if len(data) < _HEADER.size + _FIRST.size or data[0] != VERSION:
        raise ValueError("not a chunk of a known version")
    _, mode, digits, widths, count, first_time, first_step = _HEADER.unpack_from(data)
    (first_value,) = _FIRST.unpack_from(data, _HEADER.size)
    body: bytes = data[_HEADER.size + _FIRST.size :]
    kind = mode & _MODE
    value_bytes = 0 if kind == _CONSTANT else (count - 1) << (widths >> 4)
    time_width = (widths & 0x0F) - 1
    time_bytes = 0 if time_width < 0 else (count - 2) << time_width
    if mode & _COMPRESSED:
        try:
            body = bytes(cramjam.zstd.decompress(body, output_len=value_bytes + time_bytes))
        except cramjam.DecompressionError as error:
            raise ValueError(f"damaged chunk: {error}") from None
    if len(body) != value_bytes + time_bytes:
        raise ValueError("damaged chunk: wrong length")
    times = _decode_times(body[value_bytes:], time_width, count, first_time, first_step)
    return times, _decode_values(body[:value_bytes], kind, widths >> 4, count, first_value, digits)


def _decode_times(data: bytes, width: int, count: int, first: int, step: int) -> NDArray[np.int64]:
    if width < 0:
        return np.arange(count, dtype=np.int64) * step + first
    times = np.empty(count, np.int64)
    times[0], times[1] = first, step
    times[2:] = _unzigzag(_from_planes(data, width, count - 2))
    np.cumsum(times[1:], out=times[1:])
    return np.cumsum(times, out=times)


def _decode_values(data: bytes, kind: int, width: int, count: int, first: int, digits: int) -> NDArray[np.float64]:
    numbers = np.empty(count, np.int64)
    numbers[0] = first
    if kind == _CONSTANT:
        numbers[:] = first
        return numbers.view(np.float64)
    planes = _from_planes(data, width, count - 1)
    if kind == _XOR:
        numbers[1:] = planes.view(np.int64)
        return np.bitwise_xor.accumulate(numbers).view(np.float64)
    numbers[1:] = _unzigzag(planes)
    return np.cumsum(numbers).astype(np.float64) / _POWERS[digits]
