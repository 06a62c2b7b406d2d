"""How a receiver can tell that a webhook is ours and fresh. Pure."""

from __future__ import annotations

import hashlib
import hmac


def sign_body(body: bytes, *, secret: str, timestamp: int) -> str:
    """Return the value of X-Postlaunch-Signature: HMAC-SHA256 over the time (seconds), a dot and the body."""
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


def verify_signature(header: str, body: bytes, *, secret: str, now: int, tolerance_seconds: int = 300) -> bool:
    """Say whether a header fits a body and is not older than the tolerance. What a receiver does; kept for tests and docs."""
    parts = dict(part.partition("=")[::2] for part in header.split(","))
    if not parts.get("t", "").isdecimal() or abs(now - int(parts["t"])) > tolerance_seconds:
        return False
    return hmac.compare_digest(sign_body(body, secret=secret, timestamp=int(parts["t"])), header)
