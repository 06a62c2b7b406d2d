"""A Django site that does nothing but read the body: the floor of every HTTP figure."""

from __future__ import annotations

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path


def swallow(request: HttpRequest) -> HttpResponse:
    """Read the body and answer 204."""
    _ = request.body
    return HttpResponse(status=204)


urlpatterns = [path("", swallow)]
settings.configure(
    ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="bench", MIDDLEWARE=[], DATA_UPLOAD_MAX_MEMORY_SIZE=None
)
application = get_wsgi_application()
