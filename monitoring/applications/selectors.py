"""Reading applications and keys."""

from __future__ import annotations

import threading
import time

from django.db import InterfaceError, OperationalError
from django.db.models import QuerySet

from config.api.authentication import KeyGrant
from monitoring.applications.enums import HOST_ENVIRONMENT, OWN_ENVIRONMENT, KeyKind
from monitoring.applications.models import Application, IngestKey
from monitoring.applications.tokens import hash_token

#: How long a process believes what it read about a key. A revoked key works at most this long.
GRANT_TTL_SECONDS = 15.0
GRANT_CACHE_SIZE = 10_000

_grants: dict[bytes, tuple[float, KeyGrant | None]] = {}
_lock = threading.Lock()
_own: tuple[float, int | None] | None = None


def find_grant(token: str) -> KeyGrant | None:
    """Return what a key allows, None if there is no such key. Cached in the process, wrong keys too.

    While the database is away, what was last read still holds; raises OperationalError for a key never seen before.
    """
    hashed = hash_token(token)
    now = time.monotonic()
    known = _grants.get(hashed)
    if known is not None and known[0] > now:
        return known[1]
    try:
        grant = _read_grant(hashed)
    except (OperationalError, InterfaceError):
        if known is None:
            raise
        grant = known[1]
    with _lock:
        if len(_grants) >= GRANT_CACHE_SIZE:
            _grants.clear()
        _grants[hashed] = (now + GRANT_TTL_SECONDS, grant)
    return grant


def forget_grants() -> None:
    """Empty this process's cache of keys."""
    with _lock:
        _grants.clear()


def _read_grant(hashed: bytes) -> KeyGrant | None:
    key = IngestKey.objects.filter(token_hash=hashed, revoked_at=None).select_related("application").first()
    if key is None:
        return None
    return KeyGrant(
        key_id=key.pk,
        application_id=key.application_id,
        application_slug=key.application.slug,
        is_public=key.kind == KeyKind.PUBLIC,
        scopes=frozenset(key.scopes),
        origins=tuple(key.origins),
        requests_per_minute=key.requests_per_minute,
    )


def list_applications() -> QuerySet[Application]:
    """Return every application, by name."""
    return Application.objects.all()


def find_host_application() -> Application | None:
    """Return the application of the product's own host, the first one if it runs on several; None before the first start."""
    return Application.objects.filter(environment=HOST_ENVIRONMENT).order_by("pk").first()


def find_own_application() -> Application | None:
    """Return the application that stands for this product itself; None before the first start."""
    return Application.objects.filter(environment=OWN_ENVIRONMENT).order_by("pk").first()


def find_own_application_id() -> int | None:
    """Return its id, remembered by the process for GRANT_TTL_SECONDS; None while there is none."""
    global _own
    now = time.monotonic()
    if _own is None or _own[0] < now:
        application = find_own_application()
        _own = now + GRANT_TTL_SECONDS, application.pk if application is not None else None
    return _own[1]
