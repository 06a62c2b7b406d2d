"""Which process is sending, told so that others on the same machine can see whether it is still alive."""

from __future__ import annotations

import os
import socket
from functools import lru_cache
from pathlib import Path

import psutil


def name_this_process() -> str:
    """Return this process's name: host, boot of the machine, process-id namespace, pid and start."""
    return _name_process(os.getpid())


def is_gone(name: str) -> bool:
    """Say whether the named process certainly no longer runs: it was one of this machine and its pid is free or taken over.

    Of another boot it may be another machine of the same name; whatever is not certain waits for the end of its lease.
    """
    rest, _, started = name.rpartition("|")
    machine, _, pid = rest.rpartition("|")
    if machine != _name_machine() or not pid.isdigit():
        return False
    found = _find_start(int(pid))
    return found is not None and found != started


@lru_cache(maxsize=1)
def _name_process(pid: int) -> str:
    return f"{_name_machine()}|{pid}|{_find_start(pid) or '-'}"


def _name_machine() -> str:
    path = Path("/proc/sys/kernel/random/boot_id")
    boot = path.read_text().strip() if path.exists() else "-"
    # Two containers of one pod share a host name and number their processes apart.
    path = Path("/proc/self/ns/pid")
    namespace = os.readlink(path) if path.exists() else "-"  # noqa: PTH115  (the link's own text, not the file)
    return f"{socket.gethostname()}|{boot}|{namespace}"


def _find_start(pid: int) -> str | None:
    """Return when a process started, in ticks since the machine did; empty: it has ended, None: the machine does not say.

    A time of day would not do: it is reckoned from when the machine started, and that moves whenever its clock is set.
    Source: proc(5), /proc/pid/stat, fields 3 and 22.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None if psutil.pid_exists(pid) else ""
    # The second field is the program's name in parentheses, with any character in it.
    state, *fields = stat.rpartition(")")[2].split()
    return "" if state in {"Z", "X"} else fields[18]
