"""Files that keep what can't go into the database yet: appended, made durable, read back in order. No Django.

A **segment** is a file of entries, each its length and CRC-32 (little-endian, 32 bits) and its bytes. Who writes or reads
one holds its lock (`flock`), which the system gives back when a process dies; so a segment without a lock is either finished
or an orphan, and anybody may take it. What is torn off at the end was never acknowledged.
"""

from __future__ import annotations

import fcntl
import logging
import os
import struct
import threading
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

logger = logging.getLogger(__name__)

SEGMENT_BYTES = 16 * 1024 * 1024
ENDING = ".spool"
ASIDE = "aside"
_HEAD = struct.Struct("<II")


class SpoolFull(Exception):
    """There is no room: the bound is reached, or the disk takes no more. Nothing was kept."""


class SegmentBroken(Exception):
    """An entry is not what was written; what stands before it is."""


class Spool:
    """A directory of segments, at most `max_bytes` together. One process appends to one segment of its own."""

    def __init__(self, directory: Path, *, max_bytes: int) -> None:
        self.directory, self._max_bytes = directory, max_bytes
        self._lock = threading.Lock()
        self._descriptor: int | None = None
        self._size = 0

    def append(self, entries: Sequence[bytes]) -> None:
        """Return once the entries are durable, all or none. Raises SpoolFull."""
        data = b"".join(_HEAD.pack(len(entry), zlib.crc32(entry)) + entry for entry in entries)
        with self._lock:
            try:
                if self.count_bytes() + len(data) > self._max_bytes:
                    raise SpoolFull(f"{self._max_bytes} bytes wait already")
                self._write(data)
            except OSError as error:
                self._close()
                raise SpoolFull(str(error)) from error

    def finish(self) -> None:
        """Let go of the segment that is being written, so that it can be read."""
        with self._lock:
            self._close()

    def list_segments(self) -> list[Path]:
        """Return the segments there are, the oldest first."""
        return sorted(self.directory.glob(f"*{ENDING}"))

    def count_bytes(self) -> int:
        """Return how much waits, whoever wrote it."""
        return sum(_measure(path) for path in self.list_segments())

    def count_aside(self) -> int:
        """Return how many entries were set aside."""
        return sum(1 for _ in (self.directory / ASIDE).glob(f"*{ENDING}"))

    def set_aside(self, entries: Sequence[bytes]) -> Path:
        """Keep entries where nobody reads them by itself, as a segment; moving it back makes it one again."""
        directory = self.directory / ASIDE
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, path = _create(directory)
        try:
            _write_whole(descriptor, b"".join(_HEAD.pack(len(entry), zlib.crc32(entry)) + entry for entry in entries))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        return path

    def _write(self, data: bytes) -> None:
        if self._descriptor is None or self._size >= SEGMENT_BYTES:
            self._close()
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._descriptor, _ = _create(self.directory)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            self._size = 0
        try:
            _write_whole(self._descriptor, data)
            os.fsync(self._descriptor)
        except OSError:
            # What may stand there is answered as refused, and would hide what follows it.
            os.ftruncate(self._descriptor, self._size)
            raise
        self._size += len(data)

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


@contextmanager
def taken(path: Path) -> Iterator[bool]:
    """Hold a segment's lock meanwhile; the value says whether it could be had and the segment still is there."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        yield False
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        # Whoever had it before may have been through with it.
        yield path.exists()
    finally:
        os.close(descriptor)


def read_entries(path: Path) -> Iterator[bytes]:
    """Return the entries of a segment in order; raise SegmentBroken at one that is not what was written."""
    with path.open("rb") as file:
        while len(head := file.read(_HEAD.size)) == _HEAD.size:
            length, checksum = _HEAD.unpack(head)
            entry = file.read(length)
            if len(entry) < length:
                logger.warning("the end of %s is torn off; it was never acknowledged", path.name)
                return
            if zlib.crc32(entry) != checksum:
                raise SegmentBroken(f"{path.name}, before byte {file.tell()}")
            yield entry


def _create(directory: Path) -> tuple[int, Path]:
    """Return a new file, named so that older ones come first, once its name is durable too."""
    path = directory / f"{_next_number(directory):08d}-{uuid4().hex}{ENDING}"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
    holder = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(holder)
    finally:
        os.close(holder)
    return descriptor, path


def _next_number(directory: Path) -> int:
    names = [path.name.partition("-")[0] for path in directory.glob(f"*{ENDING}")]
    return max((int(name) for name in names if name.isdigit()), default=0) + 1


def _write_whole(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _measure(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
