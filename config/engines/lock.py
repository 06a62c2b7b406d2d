"""One run per DATA_DIR."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from types import TracebackType

from config.engines.errors import DirectoryInUseError, EngineError
from config.engines.locations import find_lock_file


class DirectoryLock:
    """Holds DATA_DIR for this process; the kernel lets go when the process ends, however it ends.

    `address` is what a second start is told. Raises DirectoryInUseError on entry when it is taken.
    """

    def __init__(self, data_dir: Path, *, address: str) -> None:
        self._data_dir = data_dir.absolute()
        self._address = address
        self._descriptor = -1

    def __enter__(self) -> DirectoryLock:
        try:
            self._data_dir.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(find_lock_file(self._data_dir), os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise EngineError(f"DATA_DIR {self._data_dir} cannot be written: {error.strerror}.") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 4096, 0)
            os.close(descriptor)
            raise DirectoryInUseError(_describe_holder(self._data_dir, holder)) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "address": self._address}).encode(), 0)
        self._descriptor = descriptor
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The file stays: removing it would let a third start lock a new file while a second waits on the old one.
        os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)


def _describe_holder(data_dir: Path, content: bytes) -> str:
    try:
        holder = json.loads(content)
        who = f"process {holder['pid']}, serving {holder['address']}"
    except (ValueError, KeyError, TypeError):
        who = "another process"
    return f"{data_dir} is already in use by {who}. Stop that one first, or set another DATA_DIR (and PORT)."
