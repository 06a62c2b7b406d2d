"""Which process is sending, told so that others on the same machine can see whether it is still alive."""

from __future__ import annotations

import os
import socket
from functools import lru_cache
from pathlib import Path

import psutil


def name_this_process() -> str:
    """Return this process's name: host, process-id namespace, pid and start time."""
    return _name_process(os.getpid())


def is_gone(name: str) -> bool:
    """Say whether the named process certainly no longer runs: it was one of this machine and its pid is free or taken over."""
    host, _, rest = name.partition("|")
    namespace, _, rest = rest.partition("|")
    pid, _, started = rest.partition("|")
    if (host, namespace) != (socket.gethostname(), _namespace()) or not pid.isdigit():
        return False
    try:
        process = psutil.Process(int(pid))
        return _start_of(process) != started or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
    except psutil.AccessDenied:
        return False


@lru_cache(maxsize=1)
def _name_process(pid: int) -> str:
    return f"{socket.gethostname()}|{_namespace()}|{pid}|{_start_of(psutil.Process(pid))}"


def _start_of(process: psutil.Process) -> str:
    return f"{process.create_time():.1f}"


def _namespace() -> str:
    # Two containers of one pod share a host name and number their processes apart.
    path = Path("/proc/self/ns/pid")
    return os.readlink(path) if path.exists() else "-"  # noqa: PTH115  (the link's own text, not the file)
