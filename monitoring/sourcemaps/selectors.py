"""Finding uploaded files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import cramjam
from django.db.models import Sum

from monitoring.sourcemaps.enums import FileKind
from monitoring.sourcemaps.models import MissingMap, SourceBlob, SourceBundle, SourceFile
from monitoring.sourcemaps.places import join_reference

MAX_CANDIDATES = 50
"""How many uploads of a release with the same address are looked at, the newest first."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A script and its map, by the ids of their contents. `source_map` None: it was uploaded without."""

    bundle: int
    script: int
    source_map: int | None


def find_by_debug_id(*, application_id: int, debug_id: UUID) -> Pair | None:
    """Return what was uploaded with a debug id, the newest; None if nothing was."""
    rows = SourceFile.objects.filter(application_id=application_id, debug_id=debug_id).order_by("-pk")
    script: SourceFile | None = None
    source_map: SourceFile | None = None
    for row in rows[:MAX_CANDIDATES]:
        if row.kind == FileKind.MINIFIED:
            script = script or row
        else:
            source_map = source_map or row
    if script is None:
        return None
    return Pair(script.bundle_id, script.blob_id, source_map.blob_id if source_map is not None else None)


def find_by_address(*, application_id: int, release: str, dist: str, addresses: Sequence[str]) -> Pair | None:
    """Return what was uploaded for a release under one of the addresses.

    An upload for the very distribution goes before one for none, a newer one before an older one.
    """
    scripts = SourceFile.objects.filter(
        bundle__application_id=application_id,
        bundle__release=release,
        bundle__dist__in={dist, ""},
        url__in=addresses,
        kind=FileKind.MINIFIED,
    ).select_related("bundle")
    found = sorted(scripts.order_by("-pk")[:MAX_CANDIDATES], key=lambda row: row.bundle.dist != dist)
    if not found:
        return None
    for script in found:
        source_map = _find_map(script)
        if source_map is not None:
            return Pair(script.bundle_id, script.blob_id, source_map)
    return Pair(found[0].bundle_id, found[0].blob_id, None)


def _find_map(script: SourceFile) -> int | None:
    address = join_reference(script.url, script.sourcemap)
    maps = SourceFile.objects.filter(
        bundle__application_id=script.application_id,
        bundle__release=script.bundle.release,
        bundle__dist=script.bundle.dist,
        url=address,
        kind=FileKind.MAP,
    ).order_by("-pk")
    found = maps.filter(bundle_id=script.bundle_id).first() or maps.first()
    return found.blob_id if found is not None else None


def read_blobs(ids: Sequence[int]) -> dict[int, bytes]:
    """Return the contents of files."""
    rows = SourceBlob.objects.filter(pk__in=ids).values_list("pk", "data")
    return {pk: bytes(cramjam.zstd.decompress(bytes(data))) for pk, data in rows}


def has_uploads(application_id: int) -> bool:
    """Return whether anything was uploaded for an application."""
    return SourceBundle.objects.filter(application_id=application_id).exists()


def measure_storage(application_id: int) -> int:
    """Return how many bytes an application's uploads take."""
    return SourceBlob.objects.filter(application_id=application_id).aggregate(found=Sum("stored_size"))["found"] or 0


def list_missing(*, limit: int = 10) -> list[MissingMap]:
    """Return the releases of all applications whose events had no source map, the newest seen first."""
    return list(MissingMap.objects.select_related("application")[:limit])


def count_uploads_of(*, application_id: int, release: str) -> int:
    """Return how many uploads name a release."""
    return SourceBundle.objects.filter(application_id=application_id, release=release).count()
