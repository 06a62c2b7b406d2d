"""Text that the database only sees encrypted."""

from __future__ import annotations

import pytest
from django.core.exceptions import FieldError
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from config.crypto import SecretUnreadable, decrypt_text, encrypt_text
from config.deliveries.models import Delivery


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_encrypt__any_text__comes_back(text: str) -> None:
    stored = encrypt_text(text)
    assert decrypt_text(stored) == text
    assert stored == "" or text not in stored or len(text) < 4


def test_encrypt__same_text_twice__looks_different() -> None:
    assert encrypt_text("secret") != encrypt_text("secret")


def test_decrypt__key_rotated__needs_the_old_one_as_fallback() -> None:
    with override_settings(SECRET_KEY="old" * 20):
        stored = encrypt_text("secret")
    with override_settings(SECRET_KEY="new" * 20), pytest.raises(SecretUnreadable):
        decrypt_text(stored)
    with override_settings(SECRET_KEY="new" * 20, SECRET_KEY_FALLBACKS=["old" * 20]):
        assert decrypt_text(stored) == "secret"


@pytest.mark.parametrize("stored", ["f1:", "f1:nonsense", "ä", "plain"])
def test_decrypt__not_ours__is_refused(stored: str) -> None:
    with pytest.raises(SecretUnreadable):
        decrypt_text(stored)


def test_encrypted_field__searched__is_refused() -> None:
    with pytest.raises(FieldError):
        Delivery.objects.filter(signing_secret="x")
