"""Looking at a port, and at a certificate."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

from monitoring.uptime.judgement import Finding
from monitoring.uptime.probes.connecting import connect, days_left, make_context
from monitoring.uptime.probes.deadlines import Deadline
from monitoring.uptime.targets import Target, split_host_port

TLS_PORT = 443


def look_at_port(target: Target, deadline: Deadline) -> Finding:
    """Connect, and hang up. Raises OSError, AddressRefused, ValueError."""
    host, port = split_host_port(target.address)
    with contextlib.closing(connect(host, port, allow_private=target.allow_private, deadline=deadline)):
        return Finding(True, "The port takes connections.")


def look_at_certificate(target: Target, deadline: Deadline) -> Finding:
    """Make a TLS connection and judge how long the certificate is good for. Raises OSError, AddressRefused, ValueError."""
    host, port = split_host_port(target.address, default_port=TLS_PORT)
    context = make_context(verify=target.verify_certificate)
    with contextlib.closing(connect(host, port, allow_private=target.allow_private, deadline=deadline)) as plain:
        plain.settimeout(deadline.left_seconds)
        with context.wrap_socket(plain, server_hostname=host) as connection:
            days = days_left(connection.getpeercert(binary_form=True), now=datetime.now(UTC))
    if days is None:
        return Finding(False, "The certificate can't be read.")
    if days <= 0:
        return Finding(False, "The certificate has expired.", tls_days=days)
    if days < target.tls_days:
        return Finding(False, f"The certificate expires in less than {target.tls_days} days.", tls_days=days)
    return Finding(True, "The certificate is good.", tls_days=days)
