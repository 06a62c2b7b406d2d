"""What network errors mean, in words without varying numbers."""

from __future__ import annotations

import ssl

import httpx

from config.deliveries.addresses import AddressRefused

_SYSTEM = {
    ConnectionRefusedError: "The connection is refused.",
    ConnectionResetError: "The connection is broken off.",
    BrokenPipeError: "The connection is broken off.",
}


def describe_fault(error: BaseException) -> str:
    """Return why a look failed."""
    for one in _chain(error):
        if isinstance(one, ssl.SSLCertVerificationError):
            return f"The certificate is not trusted: {one.verify_message.rstrip('.')}."
        if isinstance(one, ssl.SSLError):
            return "No TLS connection can be made."
        if isinstance(one, AddressRefused):
            return "The address is not on the public internet; CHECK_ALLOW_PRIVATE allows that."
    for one in _chain(error):
        for kind, words in _SYSTEM.items():
            if isinstance(one, kind):
                return words
        if isinstance(one, TimeoutError | httpx.TimeoutException):
            return TOO_SLOW
        if isinstance(one, OSError) and not isinstance(one, ConnectionError) and one.strerror:
            return f"It can't be reached: {one.strerror.rstrip('.').lower()}."
    if isinstance(error, httpx.RemoteProtocolError):
        return "The connection ended without a whole answer."
    return "It can't be reached."


TOO_SLOW = "No whole answer came in time."


def _chain(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found
