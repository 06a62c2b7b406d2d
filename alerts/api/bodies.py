"""What the room's REST views do with every body: whose key sent it, what it says, what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rest_framework.request import Request
from rest_framework.serializers import Serializer

from config.api.authentication import KeyGrant
from config.api.errors import BodyInvalid, NotFound

MAX_ID = 2**63 - 1


def grant_of(request: Request) -> KeyGrant:
    """Return the request's key; raise NotFound without one."""
    if not isinstance(request.auth, KeyGrant):
        raise NotFound
    return request.auth


def read_body(serializer: Serializer[Any]) -> dict[str, Any]:
    """Return what a body says; raise ValidationError, which answers with each field that is wrong."""
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def read_change(request: Request) -> dict[str, Any]:
    """Return the fields that a PATCH names; raise BodyInvalid for what is no JSON object."""
    if not isinstance(request.data, dict):
        raise BodyInvalid("Send a JSON object.")
    return request.data


def refuse(errors: Iterable[tuple[str, str]]) -> BodyInvalid:
    """Return the answer that names what is wrong, field by field."""
    found = [{"field": field, "detail": words} for field, words in errors]
    return BodyInvalid("See errors for each field.", errors=found)
