"""Creating applications, and making, revoking and rotating their keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify

from config.settings import OPTION
from monitoring.applications.enums import KeyKind, Scope
from monitoring.applications.models import Application, IngestKey
from monitoring.applications.selectors import forget_grants
from monitoring.applications.tokens import SHOWN_CHARACTERS, hash_token, make_token

ALL_SCOPES: tuple[str, ...] = tuple(Scope.values)
#: How often "last used" is written: each use would be a write per request.
LAST_USED_EVERY = timedelta(minutes=1)


class ApplicationExists(Exception):
    """There already is an application of this name in this environment."""


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A key just made. `token` is shown to the user now and never again (public ones stay readable)."""

    key: IngestKey
    token: str


@transaction.atomic
def create_application(*, name: str, environment: str = "production", time_zone: str = "UTC") -> Application:
    """Create an application; raise ApplicationExists if its slug is taken in that environment."""
    slug = slugify(name) or "application"
    if Application.objects.filter(slug=slug, environment=environment).exists():
        raise ApplicationExists(f"{name} ({environment})")
    application = Application(name=name, slug=slug, environment=environment, time_zone=time_zone)
    application.full_clean()
    application.save()
    return application


@transaction.atomic
def update_application(*, application: Application, changes: Mapping[str, Any]) -> Application:
    """Change the named fields of an application and return it; raise ValidationError if a value does not fit."""
    locked = Application.objects.select_for_update().get(pk=application.pk)
    for field, value in changes.items():
        setattr(locked, field, value)
    locked.full_clean()
    locked.save(update_fields=list(changes))
    return locked


@transaction.atomic
def issue_key(
    *,
    application: Application,
    kind: KeyKind,
    label: str = "",
    scopes: Sequence[str] = ALL_SCOPES,
    origins: Sequence[str] = (),
    requests_per_minute: int | None = None,
) -> IssuedKey:
    """Make a key. Public keys can only send telemetry, whatever `scopes` says."""
    is_public = kind == KeyKind.PUBLIC
    token = make_token(is_public=is_public)
    default_rate = OPTION["PUBLIC_KEY_REQUESTS_PER_MINUTE"] if is_public else OPTION["KEY_REQUESTS_PER_MINUTE"]
    key = IngestKey(
        application=application,
        kind=kind,
        label=label,
        token_hash=hash_token(token),
        prefix=token[:SHOWN_CHARACTERS],
        public_token=token if is_public else "",
        scopes=[Scope.INGEST.value] if is_public else list(scopes),
        origins=list(origins),
        requests_per_minute=requests_per_minute or default_rate,
    )
    key.full_clean()
    key.save()
    forget_grants()
    return IssuedKey(key=key, token=token)


def revoke_key(*, key: IngestKey) -> bool:
    """Revoke a key; return False if it already was. Other processes refuse it within seconds."""
    changed = IngestKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now())
    forget_grants()
    return bool(changed)


@transaction.atomic
def rotate_key(*, key: IngestKey) -> IssuedKey:
    """Make a new key like `key` and return it. The old one works until it is revoked, so that servers can be changed one by one."""
    return issue_key(
        application=key.application,
        kind=KeyKind(key.kind),
        label=key.label,
        scopes=key.scopes,
        origins=key.origins,
        requests_per_minute=key.requests_per_minute,
    )


def note_key_use(*, key_id: int) -> None:
    """Record that a key was used, at most once a minute."""
    now = timezone.now()
    stale = IngestKey.objects.filter(pk=key_id).exclude(last_used_at__gt=now - LAST_USED_EVERY)
    stale.update(last_used_at=now)
