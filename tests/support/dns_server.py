"""A real DNS server on loopback that answers from a table, over UDP."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

#: (name, type) to values; a text such as "SERVFAIL" instead of a list is the answer's code, "silence" is none.
Zone = Mapping[tuple[str, str], list[str] | str]


@contextmanager
def run_dns_server(zone: Zone) -> Iterator[str]:
    """Run the server; give its address as host:port. A name that no entry has does not exist."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))
    server.settimeout(0.05)
    stopped = threading.Event()

    def serve() -> None:
        while not stopped.is_set():
            try:
                data, client = server.recvfrom(4096)
            except TimeoutError:
                continue
            answer = _answer(dns.message.from_wire(data), zone)
            if answer is not None:
                server.sendto(answer.to_wire(), client)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.getsockname()[1]}"
    finally:
        stopped.set()
        thread.join()
        server.close()


def _answer(query: dns.message.Message, zone: Zone) -> dns.message.Message | None:
    question = query.question[0]
    name, kind = question.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(question.rdtype)
    found = zone.get((name, kind))
    answer = dns.message.make_response(query)
    answer.flags |= dns.flags.RA
    if found == "silence":
        return None
    if isinstance(found, str):
        answer.set_rcode(dns.rcode.from_text(found))
    elif found is not None:
        answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *found))
    elif not any(known == name for known, _ in zone):
        answer.set_rcode(dns.rcode.NXDOMAIN)
    return answer
