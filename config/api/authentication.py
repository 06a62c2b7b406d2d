"""Who is calling: a key of an application, sent as a bearer token or in the places older clients put it."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from django.conf import settings
from django.http import HttpRequest
from django.utils.module_loading import import_string
from rest_framework.authentication import BaseAuthentication

from config.api.errors import KeyMissing, KeyWrong, OriginRefused, ScopeMissing

if TYPE_CHECKING:
    from rest_framework.request import Request

SCOPES = ("ingest", "read", "write", "releases")
NOTE_EVERY_SECONDS = 60.0

_noted: dict[int, float] = {}


@dataclass(frozen=True, slots=True)
class KeyGrant:
    """What a presented key allows: one application, some scopes, and for browser keys some origins.

    `requests_per_minute` is the key's limit. `origins` empty: any origin.
    """

    key_id: int
    application_id: int
    application_slug: str
    is_public: bool
    scopes: frozenset[str]
    origins: tuple[str, ...]
    requests_per_minute: int


@dataclass(frozen=True, slots=True)
class ApiCaller:
    """The user of an authenticated API request: a key, never a person."""

    grant: KeyGrant
    is_authenticated: bool = True
    is_anonymous: bool = False
    is_active: bool = True

    @property
    def pk(self) -> str:
        """Identity for throttles and logs."""
        return f"key-{self.grant.key_id}"


def authenticate_key(request: HttpRequest, *, scope: str) -> KeyGrant:
    """Return what the request's key allows, if that includes `scope`.

    Raises KeyMissing, KeyWrong (401), ScopeMissing or OriginRefused (403). The key is looked for in `Authorization`
    (Bearer, or Basic with the key as password), `X-Postlaunch-Key` and, for public keys only, the query's `key`.
    """
    grant = find_request_grant(request)
    if grant is None:
        raise KeyMissing
    check_scope(grant, scope=scope)
    return grant


def find_request_grant(request: HttpRequest) -> KeyGrant | None:
    """Return the grant of the key that the request carries, None if it carries none; raises KeyWrong, OriginRefused."""
    token, in_query = _find_token(request)
    if not token:
        return None
    grant = _resolver()(token)
    if grant is None or (in_query and not grant.is_public):
        raise KeyWrong
    origin = request.headers.get("Origin")
    if grant.is_public and grant.origins and origin is not None and origin not in grant.origins:
        raise OriginRefused(origin, application_id=grant.application_id)
    return grant


def check_scope(grant: KeyGrant, *, scope: str) -> None:
    """Raise ScopeMissing unless the grant includes `scope`."""
    if scope not in grant.scopes:
        raise ScopeMissing(scope)


def note_use(grant: KeyGrant) -> None:
    """Let the key show when it was last used; at most once a minute per process, because most requests need no write."""
    now = time.monotonic()
    if now - _noted.get(grant.key_id, -NOTE_EVERY_SECONDS) >= NOTE_EVERY_SECONDS:
        _noted[grant.key_id] = now
        import_string(settings.API_KEY_USE_NOTER)(key_id=grant.key_id)


class KeyAuthentication(BaseAuthentication):
    """DRF's view of the same keys. `request.auth` is the KeyGrant."""

    def authenticate(self, request: Request) -> tuple[Any, KeyGrant] | None:
        """Return (caller, grant), or None when the request carries no key."""
        grant = find_request_grant(request._request)
        if grant is None:
            return None
        note_use(grant)
        return ApiCaller(grant), grant

    def authenticate_header(self, request: Request) -> str:
        """Make a missing key a 401 instead of a 403."""
        return 'Bearer realm="postlaunch"'


def _find_token(request: HttpRequest) -> tuple[str, bool]:
    """Return the presented token and whether it stood in the URL."""
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() in {"bearer", "token"}:
        return value.strip(), False
    if scheme.lower() == "basic":
        return _password_of(value), False
    header = request.headers.get("X-Postlaunch-Key", "")
    if header:
        return header.strip(), False
    return request.GET.get("key", ""), True


def _password_of(value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        raise KeyWrong from error


@cache
def _resolver() -> Callable[[str], KeyGrant | None]:
    return cast("Callable[[str], KeyGrant | None]", import_string(settings.API_KEY_RESOLVER))
