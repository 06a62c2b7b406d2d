"""Secrets at rest: text that the database only ever sees encrypted."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import FieldError
from django.db import models

if TYPE_CHECKING:
    _TextField = models.TextField[str, str]
else:
    _TextField = models.TextField

#: Says how the rest of the value was made, so that another way can follow without guessing.
PREFIX = "f1:"


class SecretUnreadable(Exception):
    """The value was encrypted with a SECRET_KEY that is neither the current one nor in SECRET_KEY_FALLBACKS."""


def encrypt_text(text: str) -> str:
    """Return `text` encrypted with the current SECRET_KEY; empty text stays empty."""
    return PREFIX + _cipher().encrypt(text.encode()).decode("ascii") if text else ""


def decrypt_text(value: str) -> str:
    """Return the text of an encrypted value; raise SecretUnreadable if no known key fits."""
    if not value:
        return ""
    try:
        return _cipher().decrypt(value.removeprefix(PREFIX).encode("ascii")).decode()
    except (InvalidToken, UnicodeEncodeError) as error:
        raise SecretUnreadable("encrypted with a SECRET_KEY that is no longer known") from error


class EncryptedTextField(_TextField):
    """Text encrypted with a key derived from SECRET_KEY (AES-128-CBC with HMAC-SHA256, by Fernet).

    It can be written and read, not searched: every lookup but `isnull` raises FieldError. Rotating SECRET_KEY: keep the old
    one in SECRET_KEY_FALLBACKS until the rows have been saved once.
    """

    def get_prep_value(self, value: Any) -> Any:
        """Encrypt on the way into the database."""
        text = super().get_prep_value(value)
        return text if text is None else encrypt_text(text)

    def from_db_value(self, value: str | None, *_: Any) -> str | None:
        """Decrypt on the way out."""
        return value if value is None else decrypt_text(value)

    def get_lookup(self, lookup_name: str) -> Any:
        """Refuse comparisons: the same text is stored differently every time."""
        if lookup_name != "isnull":
            raise FieldError(f"{self.name} is encrypted and can't be searched.")
        return super().get_lookup(lookup_name)


def _cipher() -> MultiFernet:
    return MultiFernet(
        [Fernet(_derive_key(str(secret))) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]
    )


def _derive_key(secret: str) -> bytes:
    # The secret is long and random (a check insists), so one keyed hash is enough of a derivation.
    return base64.urlsafe_b64encode(
        hashlib.blake2b(secret.encode(), digest_size=32, person=b"postlaunch-rest").digest()
    )
