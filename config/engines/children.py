"""Child processes that never outlive us: spawned into their own session, found again after a crash, ended for sure.

Linux only: parent-death signals and /proc are used.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from config.engines.accounts import ServiceAccount

_PR_SET_PDEATHSIG = 1
_POLL_SECONDS = 0.02
_LIBC = ctypes.CDLL(None, use_errno=True)

Output = int | IO[bytes] | None


def spawn_child(
    argv: Sequence[str],
    *,
    account: ServiceAccount | None = None,
    env: Mapping[str, str] | None = None,
    inherited: Sequence[int] = (),
    output: Output = None,
    cwd: str | None = None,
    death_signal: signal.Signals = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start `argv` as the leader of a new session, as `account` if given, with both outputs going to `output`.

    `inherited` descriptors stay open in the child. When the calling *thread* ends, the kernel sends
    `death_signal` to the child, so call this from a thread that lives as long as the process.
    """
    parent = os.getpid()

    def prepare_child() -> None:
        # Runs after the change of user, which would clear the wish again.
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)

    return subprocess.Popen(
        list(argv),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=None if output is None else subprocess.STDOUT,
        env=None if env is None else dict(env),
        cwd=cwd,
        pass_fds=tuple(inherited),
        start_new_session=True,
        preexec_fn=prepare_child,
        user=None if account is None else account.uid,
        group=None if account is None else account.gid,
        extra_groups=None if account is None else [],
    )


@dataclass(frozen=True, slots=True)
class ProcessRecord:
    """Which process a pid meant when it was written down: pids are used again, pids with a start time are not."""

    pid: int
    started_ticks: int
    boot: str

    @classmethod
    def of(cls, pid: int) -> ProcessRecord | None:
        """The record of a running process; None when there is none of that pid."""
        ticks = read_start_ticks(pid)
        return None if ticks is None else cls(pid=pid, started_ticks=ticks, boot=_read_boot_id())

    def is_running(self) -> bool:
        """Whether the very process of this record still runs."""
        return read_start_ticks(self.pid) == self.started_ticks and self.boot == _read_boot_id()


def write_record(path: Path, pid: int) -> None:
    """Write down a running process; a process that ended already leaves no file."""
    record = ProcessRecord.of(pid)
    if record is None:
        return
    text = json.dumps({"pid": record.pid, "started_ticks": record.started_ticks, "boot": record.boot})
    temporary = path.with_suffix(".pid.new")
    temporary.write_text(text)
    temporary.replace(path)


def read_record(path: Path) -> ProcessRecord | None:
    """What `write_record` wrote; None for a missing or broken file."""
    try:
        content = json.loads(path.read_text())
        return ProcessRecord(
            pid=int(content["pid"]), started_ticks=int(content["started_ticks"]), boot=str(content["boot"])
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def sweep_recorded(path: Path, *, patience_seconds: float = 5) -> None:
    """End what is left of a recorded process and its session, then forget the record."""
    record = read_record(path)
    if record is not None and record.boot == _read_boot_id():
        leader_ticks = read_start_ticks(record.pid)
        # A session's number is not given to a new process while a member lives, so members without
        # their leader are ours; a leader with another start time says that the number was used again.
        if leader_ticks is None or leader_ticks == record.started_ticks:
            end_session(record.pid, patience_seconds=patience_seconds)
    path.unlink(missing_ok=True)


def list_session(session: int) -> list[int]:
    """The pids of all living processes of a session."""
    return [pid for pid in list_pids() if read_session(pid) == session]


def end_session(session: int, *, patience_seconds: float) -> None:
    """SIGTERM every process of a session, and SIGKILL those that are there after `patience_seconds`."""
    for member in list_session(session):
        send_signal(member, signal.SIGTERM)
    if not wait_until(lambda: not list_session(session), timeout_seconds=patience_seconds):
        kill_session(session)


def kill_session(session: int) -> None:
    """SIGKILL every process of a session, also those that it forks meanwhile."""
    while members := list_session(session):
        for member in members:
            send_signal(member, signal.SIGKILL)
        time.sleep(_POLL_SECONDS)


def stop_child(process: subprocess.Popen[bytes], *, signals: Iterable[tuple[signal.Signals, float]]) -> int:
    """Send each signal in turn and wait its seconds; SIGKILL at last. Leaves no process of the child's session.

    Returns the exit code (negative: the signal that ended it).
    """
    for number, patience_seconds in signals:
        if process.poll() is not None:
            break
        send_signal(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=patience_seconds)
    if process.poll() is None:
        process.kill()
    code = process.wait()
    kill_session(process.pid)
    return code


def wait_until(condition: Callable[[], bool], *, timeout_seconds: float) -> bool:
    """Poll `condition` until it holds (True) or the time is over (False)."""
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def send_signal(pid: int, number: signal.Signals) -> None:
    """Signal a process; one that is gone already is no error."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def list_pids() -> list[int]:
    """All pids that this process can see."""
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]  # noqa: PTH208  (names are enough)


def read_start_ticks(pid: int) -> int | None:
    """When a process started, in clock ticks since boot; None for one that is gone or a zombie."""
    fields = _read_stat(pid)
    return None if fields is None else int(fields[19])


def read_session(pid: int) -> int | None:
    """The session of a process; None for one that is gone or a zombie."""
    fields = _read_stat(pid)
    return None if fields is None else int(fields[3])


def _read_stat(pid: int) -> list[str] | None:
    """The fields of /proc/<pid>/stat from the third (state) on."""
    try:
        content = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field is the program's name in parentheses, which may hold anything.
    fields = content[content.rindex(")") + 2 :].split()
    return None if fields[0] in {"Z", "X"} else fields


def _read_boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
