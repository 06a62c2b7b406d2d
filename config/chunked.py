"""WSGI middleware for request bodies sent in chunks, without a Content-Length.

Clients on Node (Sentry, OpenTelemetry) send `Transfer-Encoding: chunked`. Under WSGI Django trusts CONTENT_LENGTH alone
and would see such a body as empty. The server hands the dechunked stream over whole (`wsgi.input_terminated`), so it is
enough to read it within a bound and tell Django its length.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from io import BytesIO
from typing import IO, TYPE_CHECKING, Any, cast

from django.conf import settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

READ_BYTES = 64 * 1024
#: Bodies up to this size stay in memory while they are read; larger ones go to a temporary file.
SPOOL_BYTES = 1024 * 1024


class ChunkedBodyMiddleware:
    """Give requests without a Content-Length the length of their body, which is read up to the limit."""

    def __init__(self, application: WSGIApplication) -> None:
        self.application = application

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        if environ.get("CONTENT_LENGTH") or not _is_chunked(environ):
            return self.application(environ, start_response)
        body = _read_bounded(environ["wsgi.input"], limit=settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
        if body is None:
            # Nothing of it is kept. The view sees a body that says to be larger than any may be, and refuses it in its own way.
            environ["wsgi.input"] = BytesIO()
            environ["CONTENT_LENGTH"] = str(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
            return self.application(environ, start_response)
        environ["wsgi.input"] = body
        environ["CONTENT_LENGTH"] = str(body.seek(0, 2))
        body.seek(0)
        return self.application(environ, start_response)


def _is_chunked(environ: WSGIEnvironment) -> bool:
    return bool(environ.get("wsgi.input_terminated")) and "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()


def _read_bounded(stream: Any, *, limit: int) -> IO[bytes] | None:
    """Return the whole body, rewound by the caller, or None once it exceeds `limit` bytes."""
    body = cast("IO[bytes]", tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES))  # noqa: SIM115  (closed with the request)
    size = 0
    while piece := stream.read(READ_BYTES):
        size += len(piece)
        if size > limit:
            body.close()
            return None
        body.write(piece)
    return body
