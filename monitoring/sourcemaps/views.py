"""The doors that build tools upload through: those of Sentry's API that sentry-cli and the plugins of bundlers use.

The key names the application. Organisations do not exist here, so any name is taken for one; a project that is named must
be the key's. Errors are {"detail": ...}, which the tools print.
"""

from __future__ import annotations

import functools
import logging
import zlib
from collections.abc import Callable
from typing import Any

import msgspec
from django.core.exceptions import RequestDataTooBig, TooManyFilesSent
from django.db import IntegrityError, InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from config.actors import actor_of_key
from config.api.authentication import KeyGrant, find_request_grant, note_use
from config.api.errors import (
    ApiError,
    BodyInvalid,
    BodyTooLarge,
    KeyMissing,
    MethodNotAllowed,
    NotFound,
    ScopeMissing,
    as_api_error,
)
from config.api.throttling import check_rate
from monitoring.releases.models import Release
from monitoring.releases.services import note_releases
from monitoring.sourcemaps.services.uploading import (
    CHUNK_BYTES,
    Assembled,
    UploadRefused,
    Wanted,
    assemble_bundle,
    store_chunks,
)

logger = logging.getLogger(__name__)

SCOPES = ("releases", "write")
CHUNKS_TOGETHER = 4
MAX_REQUEST_BYTES = CHUNKS_TOGETHER * CHUNK_BYTES
#: What stands around the pieces in a multipart body.
FRAME_BYTES = 64 * 1024
MAX_JSON_BYTES = 2 * 1024 * 1024
MAX_CHUNKS = 5_000
MAX_RELEASES = 100
_GZIP_BITS = 31

Answer = Callable[..., HttpResponse]


def build_door(*methods: str) -> Callable[[Answer], Answer]:
    """Make a view of a function that takes the request, the grant and what the address names."""

    def decorate(answer: Answer) -> Answer:
        @csrf_exempt
        @functools.wraps(answer)
        def view(request: HttpRequest, **named: str) -> HttpResponse:
            try:
                grant = _admit(request, methods, project=named.pop("project", ""))
                named.pop("organization", None)
                response = answer(request, grant, **named)
                note_use(grant)
                return response
            except Exception as error:
                refusal = _as_refusal(error)
                if refusal is None:
                    raise
                return _refuse(refusal, methods)

        return view

    return decorate


@build_door("GET")
def tell_about(request: HttpRequest, grant: KeyGrant) -> HttpResponse:
    """What `sentry-cli info` asks: who the key is."""
    return JsonResponse({"version": "0", "user": None, "auth": {"scopes": sorted(grant.scopes)}})


@build_door("GET", "POST")
def chunk_upload(request: HttpRequest, grant: KeyGrant) -> HttpResponse:
    """How pieces are to be sent, and the pieces."""
    if request.method == "GET":
        return JsonResponse(
            {
                "url": request.build_absolute_uri(request.path),
                "chunkSize": CHUNK_BYTES,
                "chunksPerRequest": CHUNKS_TOGETHER,
                "maxFileSize": MAX_CHUNKS * CHUNK_BYTES,
                "maxRequestSize": MAX_REQUEST_BYTES,
                "concurrency": 2,
                "hashAlgorithm": "sha1",
                "compression": ["gzip"],
                "accept": ["artifact_bundles", "artifact_bundles_v2"],
            }
        )
    store_chunks(application_id=grant.application_id, chunks=_read_chunks(request), now=timezone.now())
    return JsonResponse({})


@build_door("POST")
def assemble(request: HttpRequest, grant: KeyGrant) -> HttpResponse:
    """Put a bundle together. It is done when the answer says so: there is nothing to wait for."""
    body = _read_object(request)
    projects = body.get("projects")
    for project in projects if isinstance(projects, list) else ():
        _check_project(grant, str(project))
    try:
        done = assemble_bundle(
            application_id=grant.application_id,
            wanted=_read_wanted(body),
            by=actor_of_key(grant).name,
            now=timezone.now(),
        )
    except UploadRefused as error:
        return JsonResponse({"state": "error", "missingChunks": [], "detail": f"Not taken: {error}."})
    return JsonResponse(_describe(done))


@build_door("GET", "POST")
def releases(request: HttpRequest, grant: KeyGrant) -> HttpResponse:
    """The application's releases, the newest first; and making one known."""
    if request.method == "GET":
        found = Release.objects.filter(application_id=grant.application_id)[:MAX_RELEASES]
        return JsonResponse([_describe_release(grant, one) for one in found], safe=False)
    body = _read_object(request)
    projects = body.get("projects")
    for project in projects if isinstance(projects, list) else ():
        _check_project(grant, str(project))
    return JsonResponse(_describe_release(grant, _note_release(grant, body.get("version"))), status=201)


@build_door("GET", "PUT")
def one_release(request: HttpRequest, grant: KeyGrant, version: str) -> HttpResponse:
    """One release. `finalize` and `set-commits` make it known; dates and commits are not kept."""
    if request.method == "PUT":
        _read_object(request)
        return JsonResponse(_describe_release(grant, _note_release(grant, version)))
    found = Release.objects.filter(application_id=grant.application_id, version=version).first()
    if found is None:
        raise NotFound(f"Nothing was reported or uploaded for the release {version}.")
    return JsonResponse(_describe_release(grant, found))


@build_door("GET")
def previous_release(request: HttpRequest, grant: KeyGrant, version: str) -> HttpResponse:
    """The release before, with its commits; none are kept."""
    return JsonResponse({})


@build_door("GET")
def repositories(request: HttpRequest, grant: KeyGrant) -> HttpResponse:
    """Repositories that are connected; none can be."""
    return JsonResponse([], safe=False)


def _admit(request: HttpRequest, methods: tuple[str, ...], *, project: str) -> KeyGrant:
    grant = find_request_grant(request)
    if grant is None:
        raise KeyMissing
    if not grant.scopes & set(SCOPES):
        raise ScopeMissing(SCOPES[0])
    if request.method not in methods:
        raise MethodNotAllowed(f"Send {' or '.join(methods)}.")
    check_rate(grant)
    if project:
        _check_project(grant, project)
    return grant


def _check_project(grant: KeyGrant, project: str) -> None:
    if project not in {grant.application_slug, str(grant.application_id)}:
        # Not 404: sentry-cli would say something of its own instead of this.
        raise BodyInvalid(
            f"The key belongs to the application {grant.application_slug}, not to {project[:100]}: name it with --project {grant.application_slug}."
        )


def _read_chunks(request: HttpRequest) -> dict[bytes, bytes]:
    length = request.META.get("CONTENT_LENGTH") or ""
    if not length.isdecimal():
        raise BodyInvalid("Send the pieces as multipart/form-data with a Content-Length.")
    if int(length) > MAX_REQUEST_BYTES + FRAME_BYTES:
        raise BodyTooLarge(f"A request may hold {MAX_REQUEST_BYTES} bytes of pieces.")
    found: dict[bytes, bytes] = {}
    for name in ("file", "file_gzip"):
        for upload in request.FILES.getlist(name):
            data = upload.read()
            data = _inflate(data) if name == "file_gzip" else data
            if len(data) > CHUNK_BYTES:
                raise BodyTooLarge(f"A piece may have {CHUNK_BYTES} bytes.")
            found[_read_sha1(upload.name)] = data
    if not found:
        raise BodyInvalid("The request holds no pieces: they are files named `file` or `file_gzip`.")
    return found


def _inflate(data: bytes) -> bytes:
    stream = zlib.decompressobj(_GZIP_BITS)
    try:
        inflated = stream.decompress(data, CHUNK_BYTES + 1)
    except zlib.error as error:
        raise BodyInvalid(f"A piece is no gzip: {error}.") from error
    if len(inflated) <= CHUNK_BYTES and not stream.eof:
        raise BodyInvalid("A piece ends too early.")
    return inflated


def _read_object(request: HttpRequest) -> dict[str, Any]:
    length = request.META.get("CONTENT_LENGTH") or "0"
    if length.isdecimal() and int(length) > MAX_JSON_BYTES:
        raise BodyTooLarge(f"At most {MAX_JSON_BYTES} bytes are read here.")
    try:
        found = msgspec.json.decode(request.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BodyInvalid(f"The body is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise BodyInvalid("The body is not a JSON object.")
    return found


def _read_wanted(body: dict[str, Any]) -> Wanted:
    chunks = body.get("chunks")
    if not isinstance(chunks, list) or len(chunks) > MAX_CHUNKS:
        raise BodyInvalid(f"chunks is a list of at most {MAX_CHUNKS} checksums.")
    release, dist = body.get("version") or "", body.get("dist") or ""
    if not isinstance(dist, str) or len(dist) > 64 or "\x00" in dist:
        raise BodyInvalid("dist is a text of at most 64 characters.")
    return Wanted(
        checksum=_read_sha1(body.get("checksum")),
        chunks=[_read_sha1(each) for each in chunks],
        release=_read_version(release) if release else "",
        dist=dist,
    )


def _read_sha1(value: Any) -> bytes:
    try:
        digest = bytes.fromhex(value) if isinstance(value, str) else b""
    except ValueError:
        digest = b""
    if len(digest) != 20:
        raise BodyInvalid("A checksum is a SHA-1 of 40 hexadecimal digits.")
    return digest


def _read_version(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > 200 or "\x00" in value:
        raise BodyInvalid("A version is a text of 1 to 200 characters.")
    return value


def _note_release(grant: KeyGrant, version: Any) -> Release:
    key = grant.application_id, _read_version(version)
    return note_releases(seen={key: timezone.now()}, is_trusted=True)[key]


def _describe(done: Assembled) -> dict[str, Any]:
    if done.bundle is None:
        return {"state": "not_found", "missingChunks": [sha1.hex() for sha1 in done.missing]}
    return {"state": "ok", "missingChunks": []}


def _describe_release(grant: KeyGrant, release: Release) -> dict[str, Any]:
    made = release.first_seen.isoformat()
    project = {"id": grant.application_id, "slug": grant.application_slug, "name": grant.application_slug}
    return {
        "version": release.version,
        "dateCreated": made,
        "dateReleased": made,
        "lastEvent": None,
        "newGroups": 0,
        "projects": [project],
    }


def _as_refusal(error: Exception) -> ApiError | None:
    if isinstance(error, UploadRefused):
        return BodyInvalid(f"Not taken: {error}.")
    if isinstance(error, (RequestDataTooBig, TooManyFilesSent)):
        return BodyTooLarge("The request holds more than is taken at once.")
    if isinstance(error, (MultiPartParserError, UnreadablePostError)):
        return BodyInvalid(f"The body can't be read: {error}")
    if isinstance(error, IntegrityError):
        return NotFound("The application was removed.")
    if isinstance(error, (OperationalError, InterfaceError)):
        logger.warning("an upload can't be stored: %s", error)
    return as_api_error(error)


def _refuse(error: ApiError, methods: tuple[str, ...]) -> HttpResponse:
    response = JsonResponse({"detail": f"{error.title} {error.detail}"}, status=error.status)
    if isinstance(error, MethodNotAllowed):
        response["Allow"] = ", ".join(methods)
    if error.retry_after_seconds is not None:
        response["Retry-After"] = str(error.retry_after_seconds)
    return response
