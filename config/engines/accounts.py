"""Under which user of the operating system the engines run.

PostgreSQL refuses to run as root, so a root start hands both engines to an unprivileged user.
"""

from __future__ import annotations

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from config.engines.errors import EngineError

_CANDIDATES = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """A user of the operating system that a root process starts engines as."""

    name: str
    uid: int
    gid: int

    def can_enter(self, directory: Path) -> bool:
        """Whether this user may walk down to `directory`; access lists are not looked at."""
        return all(self._may(part, stat.S_IXUSR) for part in (directory, *directory.parents))

    def can_run(self, program: Path) -> bool:
        """Whether this user may start `program` and read what lies beside it."""
        return self.can_enter(program.parent) and self._may(program, stat.S_IXUSR | stat.S_IRUSR)

    def _may(self, path: Path, owner_bits: int) -> bool:
        status = path.stat()
        if status.st_uid == self.uid:
            wanted = owner_bits
        elif status.st_gid == self.gid:
            wanted = owner_bits >> 3
        else:
            wanted = owner_bits >> 6
        return status.st_mode & wanted == wanted


def choose_service_account(*, cluster: Path) -> ServiceAccount | None:
    """The user to run engines as, or None when this process is an ordinary user already.

    A cluster that an ordinary user made stays that user's. Raises EngineError where no user fits.
    """
    if os.geteuid() != 0:
        return None
    if cluster.exists() and cluster.stat().st_uid != 0:
        owner = cluster.stat()
        return ServiceAccount(name=_name_of(owner.st_uid), uid=owner.st_uid, gid=owner.st_gid)
    for name in _CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return ServiceAccount(name=name, uid=entry.pw_uid, gid=entry.pw_gid)
    wanted = " or ".join(_CANDIDATES)
    raise EngineError(
        f"PostgreSQL does not run as root, and this machine has no user {wanted}. "
        "Start Postlaunch as an ordinary user, or set DATABASE_URL and REDIS_URL."
    )


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
