"""Secrets that are made at first start and kept in files only this user can read."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def read_or_create_secret(directory: Path, name: str, *, length_bytes: int = 48) -> str:
    """Return the secret `name`, made on first use in `directory` with mode 0600.

    Safe when several processes start at once: the file appears whole or not at all, and the first one wins.
    """
    path = directory / name
    if not path.exists():
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_secret(path, secrets.token_urlsafe(length_bytes), keep_existing=True)
    return path.read_text(encoding="ascii").strip()


def write_secret(path: Path, value: str, *, keep_existing: bool = False) -> None:
    """Write `value` to `path` with mode 0600, atomically; with `keep_existing` an existing file is left as it is."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(value)
        if keep_existing:
            try:
                os.link(temporary, path)
            except FileExistsError:
                return
        else:
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
