"""What a look is at. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from monitoring.uptime.dns_records import RecordWish
from monitoring.uptime.enums import CheckKind
from monitoring.uptime.expectations import Expectations
from monitoring.uptime.requests import RequestWish

DEFAULT_TLS_DAYS = 14


@dataclass(frozen=True, slots=True)
class Target:
    """Everything that one look needs to know.

    `address` is a URL (http), host:port (tcp, tls) or a name (dns). `tls_days`: a certificate with fewer days left is a failure (tls).
    `allow_private`: whether addresses inside the company may be reached.
    """

    kind: CheckKind
    address: str
    timeout_seconds: float
    allow_private: bool
    expected: Expectations = field(default_factory=Expectations)
    follow_redirects: bool = True
    verify_certificate: bool = True
    tls_days: int = DEFAULT_TLS_DAYS
    request: RequestWish = field(default_factory=RequestWish)
    records: RecordWish = field(default_factory=RecordWish)


def split_host_port(address: str, *, default_port: int | None = None) -> tuple[str, int]:
    """Return host and port of `host:port` or `[IPv6]:port`; raise ValueError with an example."""
    text = address.strip()
    host, separator, port = text.rpartition(":")
    if text.endswith("]") or (":" not in text):
        host, separator, port = text, "", ""
    if host.count(":") and not (host.startswith("[") and host.endswith("]")):
        raise ValueError("Write an IPv6 address in brackets, like [2001:db8::1]:443.")
    number = (
        int(port) if port.isascii() and port.isdigit() and len(port) <= 5 else default_port if not separator else None
    )
    host = host.removeprefix("[").removesuffix("]")
    if not host or number is None or not 1 <= number <= 65_535 or any(sign in host for sign in "/@?# \t\\"):
        example = "erp.example.com:443" if default_port is None else "erp.example.com"
        raise ValueError(f"Write it like {example}.")
    return host, number
