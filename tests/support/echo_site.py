"""A Django site behind the product's WSGI middleware that tells how large a body it saw."""

from __future__ import annotations

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

LIMIT_BYTES = 100_000


def echo(request: HttpRequest) -> HttpResponse:
    """Answer with the length of the body and its last bytes."""
    return JsonResponse({"length": len(request.body), "end": request.body[-10:].decode()})


urlpatterns = [path("", echo)]
settings.configure(
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["*"],
    SECRET_KEY="echo",
    MIDDLEWARE=[],
    DATA_UPLOAD_MAX_MEMORY_SIZE=LIMIT_BYTES,
)
_django = get_wsgi_application()

from config.chunked import ChunkedBodyMiddleware  # noqa: E402  (reads the settings above)

application = ChunkedBodyMiddleware(_django)
