"""Reaching a host at addresses that were looked at, and its certificate."""

from __future__ import annotations

import socket
import ssl
from datetime import UTC, datetime

from cryptography import x509

from config.deliveries.addresses import TRIED_ADDRESSES, IPAddress, resolve_public_addresses
from config.deliveries.outgoing import trusted_authorities
from monitoring.uptime.probes.deadlines import Deadline

DAY_SECONDS = 86_400


def connect(host: str, port: int, *, allow_private: bool, deadline: Deadline) -> socket.socket:
    """Return a connection to the first of the host's addresses that takes one; raise AddressRefused or OSError."""
    addresses = resolve_public_addresses(host, port, allow_private=allow_private)
    return connect_to_first(addresses[:TRIED_ADDRESSES], port, deadline=deadline)


def connect_to_first(addresses: list[IPAddress], port: int, *, deadline: Deadline) -> socket.socket:
    """Return a connection to the first address that takes one; raise the last one's OSError."""
    last: OSError = OSError("there is no address")
    for number, address in enumerate(addresses):
        # Each address gets its share of what is left, so that a silent first one leaves time for the second.
        share = deadline.left_seconds / (len(addresses) - number)
        try:
            found = socket.create_connection((str(address), port), timeout=share)
        except OSError as error:
            last = error
            continue
        deadline.watch(found)
        return found
    raise last


def make_context(*, verify: bool) -> ssl.SSLContext:
    """Return how certificates are judged: as webhooks do, or not at all."""
    if verify:
        return trusted_authorities()
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def days_left(certificate: bytes | None, *, now: datetime) -> float | None:
    """Return the days until a DER certificate expires, negative after that; None if there is none that can be read."""
    if not certificate:
        return None
    try:
        ends = x509.load_der_x509_certificate(certificate).not_valid_after_utc
    except ValueError:
        return None
    return (ends - now.astimezone(UTC)).total_seconds() / DAY_SECONDS
