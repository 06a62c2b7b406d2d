"""Looking at what DNS says of a name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dns.exception
import dns.nameserver
import dns.rdatatype
import dns.resolver

from config.deliveries.addresses import TRIED_ADDRESSES, resolve_public_addresses
from monitoring.uptime.dns_records import find_record_fault, parse_name
from monitoring.uptime.judgement import Finding
from monitoring.uptime.probes.deadlines import Deadline
from monitoring.uptime.probes.faults import TOO_SLOW
from monitoring.uptime.targets import Target, split_host_port

DNS_PORT = 53
#: How long one server is waited for before it is asked again or the next one is: UDP loses packets.
TRY_SECONDS = 2.0
_REFUSALS = {
    "SERVFAIL": "The DNS server could not answer (SERVFAIL).",
    "REFUSED": "The DNS server refuses to answer (REFUSED).",
    "FORMERR": "The DNS server did not understand the question (FORMERR).",
    "NOTIMP": "The DNS server does not know this kind of question (NOTIMP).",
}


def look_at_records(target: Target, deadline: Deadline) -> Finding:
    """Ask for a name's records and judge them. Raises OSError, AddressRefused, ValueError."""
    wish = target.records
    resolver = _make_resolver(target)
    resolver.timeout = min(TRY_SECONDS, deadline.left_seconds)
    resolver.lifetime = deadline.left_seconds
    try:
        answer = resolver.resolve(parse_name(target.address), wish.record_type, search=False)
    except dns.resolver.NXDOMAIN:
        return Finding(False, "The name does not exist (NXDOMAIN).")
    except dns.resolver.NoAnswer:
        return Finding(False, f"The name has no {wish.record_type} record.")
    except dns.resolver.NoNameservers as error:
        return Finding(False, _describe_refusal(error))
    except dns.exception.Timeout:
        return Finding(False, TOO_SLOW)
    except dns.exception.DNSException:
        return Finding(False, "The DNS server's answer can't be read.")
    fault = find_record_fault(_write_values(answer), wish)
    return Finding(not fault, fault or f"The {wish.record_type} records are as expected.")


def _make_resolver(target: Target) -> dns.resolver.Resolver:
    """Return who is asked. A server that someone wrote down must be one that checks may reach."""
    if not target.records.resolver:
        try:
            return dns.resolver.Resolver()
        except dns.resolver.NoResolverConfiguration as error:
            raise OSError(0, "this system has no DNS server") from error
    host, port = split_host_port(target.records.resolver, default_port=DNS_PORT)
    addresses = resolve_public_addresses(host, port, allow_private=target.allow_private)[:TRIED_ADDRESSES]
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = [dns.nameserver.Do53Nameserver(str(address), port) for address in addresses]
    return resolver


def _write_values(answer: dns.resolver.Answer) -> Iterator[str]:
    for record in answer:
        yield _write_value(record)


def _write_value(record: Any) -> str:
    if record.rdtype == dns.rdatatype.TXT:
        return b"".join(record.strings).decode("utf-8", "replace")
    if record.rdtype == dns.rdatatype.MX:
        return f"{record.preference} {record.exchange.to_text(omit_final_dot=True)}"
    if record.rdtype in {dns.rdatatype.CNAME, dns.rdatatype.NS}:
        return str(record.target.to_text(omit_final_dot=True))
    return str(record.address)


def _describe_refusal(error: dns.resolver.NoNameservers) -> str:
    """Return what the servers said; the library keeps it as one entry for each question asked."""
    said = " ".join(str(entry[3]) for entry in error.kwargs.get("errors", ()))
    for word, words in _REFUSALS.items():
        if word in said:
            return words
    if "refused" in said.lower():
        return "The DNS server can't be reached: connection refused."
    return "The DNS server's answer can't be read."
