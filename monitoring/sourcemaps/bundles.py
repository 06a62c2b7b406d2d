"""An uploaded bundle: a zip with a manifest that says what its files are. Pure; nothing is ever written to a path it names.

What the manifest does not list is left alone. Everything is bounded before and while it is inflated.
Source: captured from sentry-cli 3.8.2 (`SYSB`, a version, then a zip with manifest.json).
"""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from typing import IO, Any
from uuid import UUID

import msgspec

from monitoring.sourcemaps.places import MAX_NAME, find_reference

MANIFEST = "manifest.json"
MAX_MANIFEST_BYTES = 16 * 1024 * 1024
MAX_SHORT = 200
KINDS = frozenset({"minified_source", "source_map"})
#: What zip calls a file that a password is needed for.
_ENCRYPTED = 0x1


class BundleInvalid(Exception):
    """A bundle that can't be taken; the text says why, for the log of the build."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a bundle may hold, inflated."""

    files: int
    file_bytes: int
    total_bytes: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One file as the manifest describes it. `url` and `sourcemap` may be empty, `debug_id` None."""

    path: str
    kind: str
    url: str
    debug_id: UUID | None
    sourcemap: str


class Bundle:
    """An opened bundle: its files, and their contents one by one."""

    def __init__(self, archive: zipfile.ZipFile, limits: Limits) -> None:
        self._archive, self._limits, self._left = archive, limits, limits.total_bytes
        self._infos = _check_names(archive, limits)
        manifest = _read_manifest(self._read(MANIFEST, MAX_MANIFEST_BYTES))
        self.entries = _read_entries(manifest, self._infos)

    def read(self, entry: Entry) -> bytes:
        """Return a file's contents. Raises BundleInvalid for what is broken or inflates to more than is allowed."""
        data = self._read(entry.path, self._limits.file_bytes)
        self._left -= len(data)
        if self._left < 0:
            raise BundleInvalid(f"the files inflate to more than {self._limits.total_bytes} bytes")
        return data

    def _read(self, path: str, limit: int) -> bytes:
        info = self._infos.get(path)
        if info is None:
            raise BundleInvalid(f"{path} is missing in the zip")
        try:
            with self._archive.open(info) as stream:
                data = stream.read(limit + 1)
        except (
            zipfile.BadZipFile,
            zlib.error,
            NotImplementedError,
            EOFError,
            OSError,
            RuntimeError,
            ValueError,
        ) as error:
            raise BundleInvalid(f"{path} can't be read: {error}") from error
        if len(data) > limit:
            raise BundleInvalid(f"{path} has more than {limit} bytes")
        return data


def open_bundle(stream: IO[bytes], *, limits: Limits) -> Bundle:
    """Return what a stream that can seek holds. Raises BundleInvalid."""
    try:
        archive = zipfile.ZipFile(stream)
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, UnicodeDecodeError) as error:
        raise BundleInvalid(f"it is not a zip: {error}") from error
    return Bundle(archive, limits)


def complete_reference(entry: Entry, data: bytes) -> str:
    """Return where a script's map is: as the manifest says, else as the script itself does."""
    return entry.sourcemap or (find_reference(data)[:MAX_NAME] if entry.kind == "minified_source" else "")


def _check_names(archive: zipfile.ZipFile, limits: Limits) -> dict[str, zipfile.ZipInfo]:
    infos = archive.infolist()
    if len(infos) > limits.files + 1:
        raise BundleInvalid(f"it holds {len(infos)} files; at most {limits.files} are taken")
    if sum(info.file_size for info in infos) > limits.total_bytes + MAX_MANIFEST_BYTES:
        raise BundleInvalid(f"the files inflate to more than {limits.total_bytes} bytes")
    found: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        name = info.filename
        if name in found:
            raise BundleInvalid(f"{name[:MAX_SHORT]} is in the zip twice")
        if name.startswith(("/", "\\")) or ".." in name.replace("\\", "/").split("/") or "\x00" in name:
            raise BundleInvalid(f"{name[:MAX_SHORT]!r} is no path within a bundle")
        if info.flag_bits & _ENCRYPTED:
            raise BundleInvalid(f"{name[:MAX_SHORT]} is encrypted")
        found[name] = info
    return found


def _read_manifest(data: bytes) -> dict[str, Any]:
    try:
        manifest = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BundleInvalid(f"{MANIFEST} is not JSON: {error}") from error
    if not isinstance(manifest, dict) or not isinstance(manifest.get("files"), dict):
        raise BundleInvalid(f"{MANIFEST} names no files")
    return manifest


def _read_entries(manifest: dict[str, Any], infos: dict[str, zipfile.ZipInfo]) -> list[Entry]:
    entries = []
    for path, described in manifest["files"].items():
        if not isinstance(described, dict) or described.get("type") not in KINDS:
            continue
        if path not in infos:
            raise BundleInvalid(f"{path[:MAX_SHORT]} is in {MANIFEST} and not in the zip")
        headers = described.get("headers")
        headers = {name.lower(): value for name, value in headers.items()} if isinstance(headers, dict) else {}
        entries.append(
            Entry(
                path=path,
                kind=described["type"],
                url=_text(described.get("url"), MAX_NAME),
                debug_id=read_debug_id(headers.get("debug-id")),
                sourcemap=_text(headers.get("sourcemap") or headers.get("x-sourcemap"), MAX_NAME),
            )
        )
    if not entries:
        raise BundleInvalid("it holds neither scripts nor source maps")
    return entries


def read_debug_id(value: Any) -> UUID | None:
    """Return a debug id, None for what is none."""
    if not isinstance(value, str) or len(value) not in {32, 36}:
        return None
    try:
        return UUID(value)
    except ValueError:
        return None


def _text(value: Any, limit: int = MAX_SHORT) -> str:
    return value.replace("\x00", "")[:limit] if isinstance(value, str) else ""
