"""What both engines share: prepare, spawn as the right user, wait until ready, stop."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import stat
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import ClassVar

from config.engines.accounts import ServiceAccount
from config.engines.children import Output, spawn_child, stop_child, sweep_recorded, wait_until, write_record
from config.engines.errors import EngineError
from config.engines.locations import find_run_dir, find_socket_root

START_TIMEOUT_SECONDS = 60.0


class Engine(ABC):
    """One embedded engine of one DATA_DIR. The caller holds the directory's lock.

    Either `start()` and `stop()`, which wait; or, for a supervisor's loop, the steps of `start` one by
    one: `prepare()`, `spawn()`, `is_ready()` until true, `complete_start()`.
    """

    name: ClassVar[str]
    #: Signals that end the engine, each with the seconds it is given.
    stop_signals: ClassVar[tuple[tuple[signal.Signals, float], ...]]
    #: Words of lines that do not belong into a log, because they warn of what cannot happen here.
    noise: ClassVar[tuple[str, ...]] = ()

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir.absolute()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def record_file(self) -> Path:
        """Where the running process is written down, for the sweep after a crash."""
        return find_run_dir(self.data_dir) / f"{self.name}.pid"

    @property
    @abstractmethod
    def socket_dir(self) -> Path:
        """The directory of the engine's socket, which only its user may enter."""

    @abstractmethod
    def choose_account(self) -> ServiceAccount | None:
        """The user to run as; None: the one that runs this process."""

    @abstractmethod
    def prepare(self) -> None:
        """Make directories and files, end leftovers of a crash. Raises EngineError."""

    @abstractmethod
    def spawn(self, *, output: Output = None) -> subprocess.Popen[bytes]:
        """Start the server process in the foreground and return at once."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Whether the spawned server answers."""

    def complete_start(self) -> None:  # noqa: B027  (most engines have nothing left to do)
        """What needs a running server before others may use it. Safe to repeat."""

    def start(self, *, output: Output = None, timeout_seconds: float = START_TIMEOUT_SECONDS) -> None:
        """Start and wait until clients can connect. Raises EngineError when it ends or takes too long."""
        self.prepare()
        process = self.spawn(output=output)
        ready = wait_until(lambda: process.poll() is not None or self.is_ready(), timeout_seconds=timeout_seconds)
        if process.poll() is not None:
            raise EngineError(f"{self.name} ended with code {process.returncode} while starting; its log says why.")
        if not ready:
            self.stop()
            raise EngineError(f"{self.name} was not ready after {timeout_seconds:.0f} s; its log says why.")
        self.complete_start()

    def stop(self) -> None:
        """Stop and wait until no process is left."""
        if self.process is not None:
            stop_child(self.process, signals=self.stop_signals)
            self.process = None
        self.clear_up()

    def clear_up(self) -> None:
        """After the end of the server: end what it left behind, and forget it."""
        self.sweep()
        self.record_file.unlink(missing_ok=True)
        root = find_socket_root(self.data_dir)
        if root != find_run_dir(self.data_dir):
            shutil.rmtree(self.socket_dir, ignore_errors=True)
            with contextlib.suppress(OSError):  # the other engine still has its socket there
                root.rmdir()

    def sweep(self) -> None:
        """End what an earlier run left behind on this directory."""
        sweep_recorded(self.record_file)

    def _spawn(
        self,
        argv: Sequence[str],
        *,
        account: ServiceAccount | None,
        inherited: Sequence[int],
        output: Output,
        death_signal: signal.Signals,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[bytes]:
        self.process = spawn_child(
            argv,
            account=account,
            env=env,
            inherited=inherited,
            output=output,
            cwd="/",
            death_signal=death_signal,
        )
        write_record(self.record_file, self.process.pid)
        return self.process


def make_private_dir(path: Path, account: ServiceAccount | None) -> None:
    """Make `path` (mode 0700) and give it to the engine's user. Raises EngineError when it is someone else's."""
    path.mkdir(mode=0o700, parents=False, exist_ok=True)
    status = path.lstat()
    owner = os.geteuid() if account is None else account.uid
    if not stat.S_ISDIR(status.st_mode) or (status.st_uid != owner and os.geteuid() != 0):
        raise EngineError(f"{path} belongs to another user (uid {status.st_uid}); remove it or set another DATA_DIR.")
    if account is not None and status.st_uid != owner:
        os.chown(path, account.uid, account.gid, follow_symlinks=False)
    path.chmod(0o700)


def make_run_dirs(data_dir: Path) -> None:
    """Make DATA_DIR/run and the parent of the sockets: enterable by the engines' user, listable by its owner."""
    data_dir.mkdir(parents=True, exist_ok=True)
    for path in (find_run_dir(data_dir), find_socket_root(data_dir)):
        path.mkdir(mode=0o711, exist_ok=True)
        status = path.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid not in {os.geteuid(), _owner_of(data_dir)}:
            raise EngineError(f"{path} belongs to another user (uid {status.st_uid}); remove it and start again.")
        if status.st_uid == os.geteuid():
            path.chmod(0o711)


def _owner_of(path: Path) -> int:
    return path.stat().st_uid


@contextmanager
def open_for(account: ServiceAccount | None, *directories: Path) -> Iterator[tuple[list[str], list[int]]]:
    """Paths under which the engine's user can use `directories`, and the descriptors it must inherit for that.

    A clone in /root has parents that no other user may enter. A directory's descriptor, opened by root and
    inherited, leads there without walking through them, and without opening them to everybody.
    """
    with ExitStack() as stack:
        paths: list[str] = []
        descriptors: list[int] = []
        for directory in directories:
            if account is None or account.can_enter(directory):
                paths.append(str(directory))
                continue
            descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
            stack.callback(os.close, descriptor)
            descriptors.append(descriptor)
            paths.append(f"/proc/self/fd/{descriptor}")
        yield paths, descriptors
