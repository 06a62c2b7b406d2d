"""POSTs that can be repeated: the same Idempotency-Key is answered from memory for a day.

Effect and kept answer are one transaction. A repetition that arrives while the first one still runs waits for it. Refused
requests are not kept: they changed nothing, so they may be mended and sent again under the same key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import msgspec
from django.db import transaction
from django.utils import timezone
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from config.api.authentication import KeyGrant
from config.api.errors import ApiError, BodyInvalid, IdempotencyKeyReused
from config.api.models import KeptAnswer

HEADER = "Idempotency-Key"
MAX_CHARACTERS = 255
KEPT_FOR = timedelta(hours=24)
KEPT_HEADERS = ("Location",)


def answer_once(request: Request, produce: Callable[[], Response]) -> Response:
    """Return `produce()`, or what it returned when this key sent the same Idempotency-Key before.

    Raises BodyInvalid for an unusable key and IdempotencyKeyReused when it came with another request. Without the header,
    or without an authenticated key, it is `produce()` alone.
    """
    key = _read_key(request)
    if key is None:
        return produce()
    with transaction.atomic():
        kept, is_new = _take_key(request, *key)
        if not is_new:
            return _repeat(kept, request)
        response = produce()
        if response.status_code >= 400:
            transaction.set_rollback(True)
        else:
            _keep(kept, response)
        return response


def answer_prepared_once(request: Request, prepare: Callable[[], Callable[[], Response]]) -> Response:
    """Return what answer_once does of what `prepare()` returned, for what takes long or counts even if it is refused.

    `prepare` runs before the transaction, and not for a repetition. What it refuses is raised, unless the same request was
    answered meanwhile.
    """
    key = _read_key(request)
    kept = key and KeptAnswer.objects.filter(key_id=key[0], idempotency_hash=key[1], status__isnull=False).first()
    if kept:
        return _repeat(kept, request)
    try:
        produce = prepare()
    except ApiError as error:
        produce = partial(_refuse, error)
    return answer_once(request, produce)


class IdempotentCreateMixin:
    """For viewsets: `create` may be repeated. Stands before the mixin or class that creates."""

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Create once per Idempotency-Key."""
        produce: Callable[..., Response] = super().create  # type: ignore[misc]  # of the class beside it
        return answer_once(request, lambda: produce(request, *args, **kwargs))


def prune_answers() -> int:
    """Delete answers that are older than a day; return how many."""
    return KeptAnswer.objects.filter(created_at__lt=timezone.now() - KEPT_FOR).delete()[0]


def _read_key(request: Request) -> tuple[int, bytes] | None:
    """Return what an answer is kept under: the id of the API key, and the hash of the header. None: it is not kept."""
    text = request.headers.get(HEADER, "")
    if not text or not isinstance(request.auth, KeyGrant):
        return None
    if len(text) > MAX_CHARACTERS:
        raise BodyInvalid(f"An {HEADER} has at most {MAX_CHARACTERS} characters.")
    return request.auth.key_id, _hash(text.encode())


def _refuse(error: ApiError) -> Response:
    raise error


def _take_key(request: Request, key_id: int, idempotency_hash: bytes) -> tuple[KeptAnswer, bool]:
    """Return the row of a key and whether this request made it; waits for a transaction that is making it."""
    row = KeptAnswer(key_id=key_id, idempotency_hash=idempotency_hash, request_hash=_hash_request(request))
    KeptAnswer.objects.bulk_create([row], ignore_conflicts=True)
    kept = KeptAnswer.objects.get(key_id=key_id, idempotency_hash=idempotency_hash)
    return kept, kept.status is None


def _repeat(kept: KeptAnswer, request: Request) -> Response:
    if bytes(kept.request_hash) != _hash_request(request):
        raise IdempotencyKeyReused
    return Response(kept.body, status=kept.status, headers={**kept.headers, "Idempotent-Replayed": "true"})


def _keep(kept: KeptAnswer, response: Response) -> None:
    kept.status = response.status_code
    kept.body = msgspec.json.decode(JSONRenderer().render(response.data) or b"null")
    kept.headers = {name: response[name] for name in KEPT_HEADERS if name in response}
    kept.save(update_fields=["status", "body", "headers"])


def _hash_request(request: Request) -> bytes:
    try:
        body = msgspec.json.encode(request.data, order="deterministic", enc_hook=str)
    except RecursionError as error:
        raise BodyInvalid("The body is nested too deeply.") from error
    return _hash(f"{request.method} {request.get_full_path()}\n".encode() + body)


def _hash(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
