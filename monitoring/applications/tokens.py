"""Making and hashing keys. Pure."""

from __future__ import annotations

import hashlib
import secrets

PUBLIC_PREFIX = "pk_"
SECRET_PREFIX = "sk_"  # noqa: S105  (a prefix, not a secret)
#: 128 bits for what anyone may read, 256 for what is kept secret.
PUBLIC_BYTES, SECRET_BYTES = 16, 32
SHOWN_CHARACTERS = 10


def make_token(*, is_public: bool) -> str:
    """Return a new random key. Only letters, digits and underscore: it fits a DSN, a URL and a header."""
    return (
        PUBLIC_PREFIX + secrets.token_hex(PUBLIC_BYTES)
        if is_public
        else SECRET_PREFIX + secrets.token_hex(SECRET_BYTES)
    )


def hash_token(token: str) -> bytes:
    """Return the 32 bytes a key is stored and looked up by.

    Plain SHA-256: keys are random and long, so there is nothing to guess and no need for a slow hash.
    """
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
