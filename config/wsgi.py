"""WSGI entry: Django behind the middleware that gives chunked bodies a length."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

django_application = get_wsgi_application()

# Imported after Django is set up: the middleware reads the size limit from the settings.
from config.chunked import ChunkedBodyMiddleware  # noqa: E402

application = ChunkedBodyMiddleware(django_application)
