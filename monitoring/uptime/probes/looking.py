"""One look at a target, whatever it is; it always ends, and always says what it found."""

from __future__ import annotations

import time
from dataclasses import replace

import httpx

from config.deliveries.addresses import AddressRefused
from monitoring.uptime.enums import CheckKind
from monitoring.uptime.judgement import Finding
from monitoring.uptime.probes.deadlines import Deadline
from monitoring.uptime.probes.faults import TOO_SLOW, describe_fault
from monitoring.uptime.probes.http import Unusable, look_at_url
from monitoring.uptime.probes.records import look_at_records
from monitoring.uptime.probes.sockets import look_at_certificate, look_at_port
from monitoring.uptime.targets import Target

_LOOKS = {
    CheckKind.HTTP: look_at_url,
    CheckKind.TCP: look_at_port,
    CheckKind.TLS: look_at_certificate,
    CheckKind.DNS: look_at_records,
}


def look(target: Target) -> Finding:
    """Return what a look at the target found, within its timeout; a name is looked up by the system, which has its own.

    Never raises what target or network do. The duration is that of everything: name, connection, answer.
    """
    begun = time.monotonic()
    with Deadline(target.timeout_seconds) as deadline:
        try:
            found = _LOOKS[target.kind](target, deadline)
        except Unusable as error:
            found = Finding(False, str(error))
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, AddressRefused, OSError, ValueError) as error:
            return Finding(False, TOO_SLOW if deadline.is_over else describe_fault(error))
        if deadline.is_over:
            return Finding(False, TOO_SLOW)
    return replace(found, duration_seconds=time.monotonic() - begun)
