"""Looks at names, against a real DNS server on loopback."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from monitoring.uptime.dns_records import RecordWish
from monitoring.uptime.drafts import CheckInvalid, check_draft
from monitoring.uptime.enums import CheckKind
from monitoring.uptime.judgement import Finding
from monitoring.uptime.probes.faults import TOO_SLOW
from monitoring.uptime.probes.looking import look
from monitoring.uptime.targets import Target
from tests.support.dns_server import run_dns_server
from tests.support.uptime import make_draft

ZONE = {
    ("erp.example.com", "A"): ["192.0.2.10", "192.0.2.11"],
    ("erp.example.com", "AAAA"): ["2001:db8::1"],
    ("erp.example.com", "MX"): ["10 mail.example.com.", "20 backup.example.com."],
    ("erp.example.com", "TXT"): ['"v=spf1 include:mail.example.com -all"', '"other" "part"'],
    ("erp.example.com", "NS"): ["ns1.example.com.", "ns2.example.com."],
    ("www.example.com", "CNAME"): ["ERP.example.com."],
    ("broken.example.com", "A"): "SERVFAIL",
    ("closed.example.com", "A"): "REFUSED",
    ("silent.example.com", "A"): "silence",
}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with run_dns_server(ZONE) as address:
        yield address


def see(server: str, name: str, kind: str = "A", values: str = "", match: str = "contains", *, timeout: float = 5, allow: bool = True) -> Finding:  # fmt: skip
    wish = RecordWish(kind, values, match, server)
    return look(Target(CheckKind.DNS, name, timeout, allow, records=wish))


@pytest.mark.parametrize(
    ("name", "kind", "values", "match"),
    [
        ("erp.example.com", "A", "", "contains"),
        ("erp.example.com.", "A", "192.0.2.11", "contains"),
        ("erp.example.com", "A", "192.0.2.11\n192.0.2.10", "equals"),
        ("erp.example.com", "AAAA", "2001:0db8:0:0::1", "equals"),
        ("erp.example.com", "MX", "mail.example.com\n20 Backup.example.com.", "equals"),
        ("erp.example.com", "TXT", "v=spf1", "contains"),
        ("erp.example.com", "TXT", "otherpart\nv=spf1 include:mail.example.com -all", "equals"),
        ("erp.example.com", "NS", "NS1.example.com", "contains"),
        ("www.example.com", "CNAME", "erp.example.com", "equals"),
    ],
)
def test_look__records_as_expected__is_up(server: str, name: str, kind: str, values: str, match: str) -> None:
    found = see(server, name, kind, values, match)
    assert (found.is_up, found.reason) == (True, f"The {kind} records are as expected.")
    assert found.duration_seconds is not None


@pytest.mark.parametrize(
    ("name", "values", "match", "reason"),
    [
        ("erp.example.com", "192.0.2.99", "contains", "The A records lack “192.0.2.99”."),
        ("erp.example.com", "192.0.2.10", "equals", "There are other A records than the expected ones."),
        ("nothing.example.com", "", "contains", "The name does not exist (NXDOMAIN)."),
        ("www.example.com", "", "contains", "The name has no A record."),
        ("broken.example.com", "", "contains", "The DNS server could not answer (SERVFAIL)."),
        ("closed.example.com", "", "contains", "The DNS server refuses to answer (REFUSED)."),
    ],
)
def test_look__not_as_expected__says_why(server: str, name: str, values: str, match: str, reason: str) -> None:
    found = see(server, name, "A", values, match)
    assert (found.is_up, found.reason) == (False, reason)


def test_look__server_that_is_silent__ends_in_time(server: str) -> None:
    assert see(server, "silent.example.com", timeout=1).reason == TOO_SLOW


def test_look__server_inside_the_network__is_refused_unless_allowed(server: str) -> None:
    assert "not on the public internet" in see(server, "erp.example.com", allow=False).reason


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"address": "not a name"}, "address"),
        ({"address": "erp..example"}, "address"),
        ({"record_type": "PTR"}, "record_type"),
        ({"record_type": "A", "record_values": "2001:db8::1"}, "record_values"),
        ({"record_match": "maybe"}, "record_match"),
        ({"resolver": "9.9.9.9:x"}, "resolver"),
    ],
)
def test_check_draft__of_a_name_that_makes_no_sense__says_what(fields: dict[str, str], field: str) -> None:
    with pytest.raises(CheckInvalid) as caught:
        check_draft(make_draft(**{"kind": "dns", "address": "erp.example.com", **fields}))
    assert list(caught.value.errors) == [field]
