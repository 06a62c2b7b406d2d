"""Names of scripts and of the sources they were made of. Pure."""

from __future__ import annotations

import posixpath
import re
from urllib.parse import urljoin

MAX_NAME = 500
LONG_LINE = 120
"""Columns beyond this are those of a minifier: people break their lines before."""

_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://[^/]*")
_BUILT_NAME = re.compile(r"(?:[-.][A-Za-z0-9_-]{6,}|\.min)\.[cm]?js$")
_BUNDLER = re.compile(r"^(?:webpack(?:-internal)?|turbopack|ng|vite|rollup)://[^/]*/", re.IGNORECASE)
_QUERY = re.compile(r"[?#].*$", re.DOTALL)
_FOREIGN = re.compile(
    r"(?:^|/)(?:node_modules|bower_components|\.vite/deps|@vite)/|(?:^|/)\(?webpack\)?/|^\0|^(?:node|external):|"
    r"^(?:commonjs-helpers|\[native)|(?:^|/)vite/(?:preload-helper|modulepreload)"
)
_REFERENCE = re.compile(rb"(?://|/\*)[#@]\s*sourceMappingURL=([^\s'\"*]{1,1000})")


def list_addresses(path: str) -> list[str]:
    """Return the addresses that a script may have been uploaded under: as it is called, and with `~` for its host."""
    # No upload has a zero byte in its address, nor can the database be asked for one.
    bare = _QUERY.sub("", path).replace("\x00", "")
    match = _SCHEME.match(bare)
    rest = bare[match.end() :] if match else bare
    return list(dict.fromkeys([bare, "~" + (rest if rest.startswith("/") else f"/{rest}")])) if rest else []


def join_reference(address: str, reference: str) -> str:
    """Return the address of a source map that a script at `address` refers to."""
    if not reference:
        return f"{address}.map"
    if "://" in reference or reference.startswith("~"):
        return _QUERY.sub("", reference)
    reference = _QUERY.sub("", reference)
    if "://" in address:
        return urljoin(address, reference)
    if reference.startswith("/"):
        return f"~{reference}"
    return posixpath.normpath(posixpath.join(posixpath.dirname(address), reference))


def find_reference(script: bytes) -> str:
    """Return what the last lines of a script say of its map; empty if nothing, or if the map stands in the script itself."""
    found = _REFERENCE.findall(script[-4096:])
    reference = found[-1].decode(errors="replace") if found else ""
    return "" if reference.startswith("data:") else reference


def clean_source(name: str) -> str:
    """Return the name of an original file without what bundlers put around it: scheme, leading dots, query."""
    bare = _QUERY.sub("", _BUNDLER.sub("", name.replace("\\", "/")))
    bare = _SCHEME.sub("", bare)
    parts = [part for part in bare.split("/") if part not in {"", "."}]
    kept: list[str] = []
    for part in parts:
        if part == ".." and kept:
            kept.pop()
        elif part != "..":
            kept.append(part)
    return "/".join(kept)[-MAX_NAME:]


def is_own(name: str) -> bool:
    """Whether an original file is the application's own, rather than a package's or the bundler's."""
    return not _FOREIGN.search(_BUNDLER.sub("", name.replace("\\", "/")))


def looks_minified(path: str, column: int) -> bool:
    """Whether a frame that no map was found for is probably one of a built script, so that a map would help."""
    return column > LONG_LINE or bool(_BUILT_NAME.search(_QUERY.sub("", path)))
