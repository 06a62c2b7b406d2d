"""One PostgreSQL and one Valkey for a whole test run, in a temporary directory."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.engines.embedded import run_engines
from config.engines.errors import DirectoryInUseError
from config.engines.lock import DirectoryLock
from config.engines.postgres import EmbeddedPostgres
from config.engines.valkey import EmbeddedValkey

_PREFIX = "postlaunch-tests-"
_VARIABLE = "POSTLAUNCH_TESTS_DATA_DIR"
# A directory is made before it is locked; one without a lock for this long belongs to a run that never started engines.
_ABANDONED_SECONDS = 3600

# What makes commits last through a power cut, which no test sees; killed processes lose nothing without it.
_FAST = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "autovacuum_naptime": "1h"}


def choose_data_dir() -> str:
    """The DATA_DIR of this run: made by the first process, inherited by its children unless they were given another."""
    chosen = os.environ.get(_VARIABLE)
    if chosen is None:
        chosen = tempfile.mkdtemp(prefix=_PREFIX)
        Path(chosen).chmod(0o755)
        os.environ[_VARIABLE] = os.environ["DATA_DIR"] = chosen
        # A run may end before it gets to its engines: an error in the settings, or an import that fails.
        atexit.register(_remove_own, Path(chosen), os.getpid())
    return os.environ.get("DATA_DIR", chosen)


@contextmanager
def run_test_engines() -> Iterator[None]:
    """Run the engines that no URL in the environment stands for, and remove the directory at the end."""
    data_dir = Path(os.environ[_VARIABLE])
    remove_abandoned(data_dir.parent)
    try:
        with (
            (data_dir / "engines.log").open("wb") as log,
            run_engines(
                data_dir,
                address="a test run",
                output=log,
                postgres=not os.environ.get("DATABASE_URL"),
                valkey=not os.environ.get("REDIS_URL"),
                postgres_overrides=_FAST,
            ),
        ):
            yield
    finally:
        shutil.rmtree(data_dir, ignore_errors=True)


def _remove_own(data_dir: Path, pid: int) -> None:
    """Remove the directory of this very process, not of a fork of it."""
    if os.getpid() == pid:
        shutil.rmtree(data_dir, ignore_errors=True)


def remove_abandoned(parent: Path) -> None:
    """Remove directories of runs that were killed, and end what still works in them."""
    for directory in parent.glob(f"{_PREFIX}*"):
        try:
            status = directory.stat()
            is_new = time.time() - status.st_mtime < _ABANDONED_SECONDS
            if status.st_uid != os.geteuid() or (is_new and not (directory / "lock").exists()):
                continue
            with DirectoryLock(directory, address="a clean-up"):
                EmbeddedPostgres(directory).sweep()
                EmbeddedValkey(directory).sweep()
                shutil.rmtree(directory, ignore_errors=True)
        except (DirectoryInUseError, FileNotFoundError):
            continue
