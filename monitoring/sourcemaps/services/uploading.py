"""Taking uploads: pieces first, then the whole bundle in one transaction, or nothing of it."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import IO

import cramjam
from django.db import connection, transaction
from django.db.models import Sum

from config.settings import OPTION
from monitoring.releases.services import note_releases
from monitoring.sourcemaps.bundles import Bundle, BundleInvalid, Entry, Limits, complete_reference, open_bundle
from monitoring.sourcemaps.models import MissingMap, SourceBlob, SourceBundle, SourceChunk, SourceFile
from monitoring.sourcemaps.selectors import measure_storage

CHUNK_BYTES = 4 * 1024 * 1024
MAX_FILES = 20_000
SPOOL_BYTES = 8 * 1024 * 1024
INSERTED_TOGETHER = 500
_LEVEL = 6
_LOCK_CLASS = 0x736D6170  # of the advisory locks for whoever adds or removes uploads of an application

_CHUNK_SQL = """
INSERT INTO monitoring_sourcechunk (application_id, sha1, size, data, uploaded_at) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (application_id, sha1) DO UPDATE SET uploaded_at = excluded.uploaded_at
"""
_BLOB_SQL = """
INSERT INTO monitoring_sourceblob (application_id, sha1, size, stored_size, data) VALUES (%s, %s, %s, %s, %s)
RETURNING id
"""


class UploadRefused(Exception):
    """An upload that is not taken; the text says why, for the log of the build."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a build asks to be put together: the SHA-1 of the whole and of its pieces, in order."""

    checksum: bytes
    chunks: Sequence[bytes]
    release: str = ""
    dist: str = ""


@dataclass(frozen=True, slots=True)
class Assembled:
    """What came of it: the upload, or the pieces that are missing. `is_new` False: it had been taken before."""

    bundle: SourceBundle | None
    missing: Sequence[bytes] = ()
    is_new: bool = False


@transaction.atomic
def store_chunks(*, application_id: int, chunks: Mapping[bytes, bytes], now: datetime) -> None:
    """Keep pieces by their SHA-1, which is checked; sent twice they change nothing. Raises UploadRefused."""
    for sha1, data in chunks.items():
        if hashlib.sha1(data, usedforsecurity=False).digest() != sha1:
            raise UploadRefused(f"the piece {sha1.hex()} was damaged on its way: its checksum differs")
    waiting = SourceChunk.objects.filter(application_id=application_id).aggregate(found=Sum("size"))["found"] or 0
    limit = 2 * int(OPTION["SOURCEMAP_MAX_BUNDLE_BYTES"])
    if waiting + sum(map(len, chunks.values())) > limit:
        raise UploadRefused(f"more than {limit} bytes of unfinished uploads are waiting; they are removed after a day")
    with connection.cursor() as cursor:
        for sha1, data in sorted(chunks.items()):
            cursor.execute(_CHUNK_SQL, [application_id, sha1, len(data), data, now])


@transaction.atomic
def assemble_bundle(*, application_id: int, wanted: Wanted, by: str, now: datetime) -> Assembled:
    """Put a bundle together and keep its files. Raises UploadRefused, and then nothing changes."""
    lock_uploads(application_id)
    known = SourceBundle.objects.filter(
        application_id=application_id, checksum=wanted.checksum, release=wanted.release, dist=wanted.dist
    ).first()
    if known is not None:
        return Assembled(known)
    rows = SourceChunk.objects.filter(application_id=application_id, sha1__in=wanted.chunks)
    present = {bytes(sha1) for sha1 in rows.values_list("sha1", flat=True)}
    missing = [sha1 for sha1 in dict.fromkeys(wanted.chunks) if sha1 not in present]
    if missing or not wanted.chunks:
        return Assembled(None, missing)
    with tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES) as stream:
        _join(stream, application_id, wanted)
        try:
            bundle = open_bundle(stream, limits=_read_limits())
            kept = _keep(bundle, application_id, wanted, by=by, now=now)
        except BundleInvalid as error:
            raise UploadRefused(str(error)) from error
    rows.delete()
    return Assembled(kept, is_new=True)


def lock_uploads(application_id: int) -> None:
    """Wait for others who add or remove uploads of the application, until the end of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK_CLASS, application_id])


def _read_limits() -> Limits:
    return Limits(
        files=MAX_FILES,
        file_bytes=int(OPTION["SOURCEMAP_MAX_FILE_BYTES"]),
        total_bytes=int(OPTION["SOURCEMAP_MAX_BUNDLE_BYTES"]),
    )


def _join(stream: IO[bytes], application_id: int, wanted: Wanted) -> None:
    limit = int(OPTION["SOURCEMAP_MAX_BUNDLE_BYTES"])
    digest = hashlib.sha1(usedforsecurity=False)
    for sha1 in wanted.chunks:
        data = bytes(SourceChunk.objects.values_list("data", flat=True).get(application_id=application_id, sha1=sha1))
        digest.update(data)
        if stream.tell() + len(data) > limit:
            raise UploadRefused(f"the bundle has more than {limit} bytes")
        stream.write(data)
    if digest.digest() != wanted.checksum:
        raise UploadRefused("the pieces do not make up the bundle: its checksum differs")


def _keep(bundle: Bundle, application_id: int, wanted: Wanted, *, by: str, now: datetime) -> SourceBundle:
    kept = SourceBundle.objects.create(
        application_id=application_id,
        checksum=wanted.checksum,
        release=wanted.release,
        dist=wanted.dist,
        file_count=len(bundle.entries),
        size=0,
        uploaded_by=by[:150],
        uploaded_at=now,
    )
    left = int(OPTION["SOURCEMAP_MAX_TOTAL_BYTES"]) - measure_storage(application_id)
    size = 0
    files: list[SourceFile] = []
    for entry in bundle.entries:
        data = bundle.read(entry)
        size += len(data)
        blob_id, added = _keep_blob(application_id, data)
        left -= added
        if left < 0:
            raise UploadRefused(
                "the application's uploads would take more than SOURCEMAP_MAX_TOTAL_BYTES; remove old ones on the page Source maps"
            )
        files.append(_describe(kept, entry, data, blob_id))
        if len(files) >= INSERTED_TOGETHER:
            SourceFile.objects.bulk_create(files)
            files.clear()
    SourceFile.objects.bulk_create(files)
    kept.size = size
    kept.save(update_fields=["size"])
    if wanted.release:
        note_releases(seen={(application_id, wanted.release): now}, is_trusted=True)
    MissingMap.objects.filter(application_id=application_id, release=wanted.release).delete()
    return kept


def _keep_blob(application_id: int, data: bytes) -> tuple[int, int]:
    """Return the id of a content and how many bytes it adds."""
    sha1 = hashlib.sha1(data, usedforsecurity=False).digest()
    known = SourceBlob.objects.filter(application_id=application_id, sha1=sha1).values_list("pk", flat=True).first()
    if known is not None:
        return known, 0
    packed = bytes(cramjam.zstd.compress(data, level=_LEVEL))
    with connection.cursor() as cursor:
        cursor.execute(_BLOB_SQL, [application_id, sha1, len(data), len(packed), packed])
        return int(cursor.fetchone()[0]), len(packed)


def _describe(bundle: SourceBundle, entry: Entry, data: bytes, blob_id: int) -> SourceFile:
    return SourceFile(
        application_id=bundle.application_id,
        bundle=bundle,
        blob_id=blob_id,
        kind=entry.kind,
        url=entry.url,
        debug_id=entry.debug_id,
        sourcemap=complete_reference(entry, data),
    )
