"""A check as someone wrote it, before it is saved. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

import httpx

from monitoring.uptime.cron_lines import check_cron_line, find_zone
from monitoring.uptime.dns_records import RecordMatch, RecordType, RecordWish, parse_name, parse_values
from monitoring.uptime.enums import CheckKind
from monitoring.uptime.expectations import Expectations, check_pattern, parse_statuses
from monitoring.uptime.json_path import parse_path
from monitoring.uptime.requests import MAX_BODY_CHARACTERS, Method, RequestWish, parse_headers
from monitoring.uptime.targets import DEFAULT_TLS_DAYS, Target, split_host_port

MIN_INTERVAL_SECONDS, MAX_INTERVAL_SECONDS = 10, 366 * 86_400
#: A server that takes longer counts as down (product's table of signals: "no answer, or response > 30 s").
MAX_TIMEOUT_SECONDS = 30
MAX_RETRIES = 10
MAX_TLS_DAYS = 365
MAX_ADDRESS_CHARACTERS = 2000
MAX_NAME_CHARACTERS = 100
MAX_RESOLVER_CHARACTERS = 260
MAX_TEXT_CHARACTERS = 1000


class CheckInvalid(Exception):
    """The check can't be used. `errors` names each field and says why."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {text}" for name, text in errors.items()))
        self.errors = errors


@dataclass(frozen=True, slots=True)
class CheckDraft:
    """What is looked at, how often, and what it has to be like. Lengths in seconds.

    `interval_seconds` of a heartbeat: how often it should come, unless `schedule` (a cron line on the clock of `time_zone`) says when;
    `grace_seconds`: how late it may be, and how long its job may run, unless `max_runtime_seconds` says that (0: it does not).
    `request_headers`: lines `Name: value`. `record_values`: one a line. `resolver`: who is asked, empty: the system's own.
    """

    name: str
    kind: str
    application_id: int
    address: str = ""
    interval_seconds: int = 60
    timeout_seconds: int = MAX_TIMEOUT_SECONDS
    retries: int = 1
    grace_seconds: int = 300
    tls_days: int = DEFAULT_TLS_DAYS
    follow_redirects: bool = True
    verify_certificate: bool = True
    schedule: str = ""
    time_zone: str = "UTC"
    max_runtime_seconds: int = 0
    method: str = Method.GET.value
    request_headers: str = field(default="", repr=False)
    request_body: str = field(default="", repr=False)
    record_type: str = RecordType.A.value
    record_values: str = ""
    record_match: str = RecordMatch.CONTAINS.value
    resolver: str = ""
    expected: Expectations = field(default_factory=Expectations)

    def target(self, *, allow_private: bool) -> Target:
        """Return what one look needs."""
        return Target(
            kind=CheckKind(self.kind),
            address=self.address.strip(),
            timeout_seconds=self.timeout_seconds,
            allow_private=allow_private,
            expected=self.expected,
            follow_redirects=self.follow_redirects,
            verify_certificate=self.verify_certificate,
            tls_days=self.tls_days,
            request=RequestWish(self.method, self.request_headers, self.request_body),
            records=RecordWish(self.record_type, self.record_values, self.record_match, self.resolver.strip()),
        )


def check_draft(draft: CheckDraft) -> None:
    """Raise CheckInvalid, naming every field that is wrong."""
    errors: dict[str, str] = {}
    if not draft.name.strip():
        errors["name"] = "Give it a name that people will recognise in a mail."
    elif len(draft.name.strip()) > MAX_NAME_CHARACTERS:
        errors["name"] = f"It has more than {MAX_NAME_CHARACTERS} characters."
    _check_numbers(draft, errors)
    if draft.kind not in list(CheckKind):
        errors["kind"] = "It is none of " + ", ".join(CheckKind) + "."
    else:
        _try(errors, "address", lambda: _check_address(draft))
    if draft.kind == CheckKind.HTTP:
        _check_expectations(draft.expected, errors)
        _check_request(draft, errors)
    if draft.kind == CheckKind.DNS:
        _check_records(draft, errors)
    if draft.kind == CheckKind.HEARTBEAT:
        _check_schedule(draft, errors)
    for name in ("name", "address", "schedule", "request_headers", "request_body", "record_values", "resolver"):
        if "\x00" in getattr(draft, name):
            errors[name] = "It contains a zero byte."
    if errors:
        raise CheckInvalid(errors)


def describe_target(kind: str, address: str) -> str:
    """Return an address for labels and lists: without a query, which may hold secrets; empty for heartbeats."""
    if kind != CheckKind.HTTP:
        return address.strip()[:200]
    try:
        url = httpx.URL(address)
        return str(url.copy_with(query=None, fragment=None, username=None, password=None))[:200]
    except (httpx.InvalidURL, ValueError):
        return ""


def _check_numbers(draft: CheckDraft, errors: dict[str, str]) -> None:
    limits = {
        "interval_seconds": (MIN_INTERVAL_SECONDS, MAX_INTERVAL_SECONDS),
        "timeout_seconds": (1, MAX_TIMEOUT_SECONDS),
        "retries": (0, MAX_RETRIES),
        "grace_seconds": (0, MAX_INTERVAL_SECONDS),
        "tls_days": (1, MAX_TLS_DAYS),
        "max_runtime_seconds": (0, MAX_INTERVAL_SECONDS),
    }
    for name, (least, most) in limits.items():
        if not least <= getattr(draft, name) <= most:
            unit = " seconds" if name.endswith("seconds") else ""
            errors[name] = f"It goes from {least} to {most}{unit}."


def _check_address(draft: CheckDraft) -> None:
    if draft.kind == CheckKind.HEARTBEAT:
        return
    if len(draft.address) > MAX_ADDRESS_CHARACTERS:
        raise ValueError(f"It has more than {MAX_ADDRESS_CHARACTERS} characters.")
    if draft.kind == CheckKind.HTTP:
        _check_url(draft.address)
    elif draft.kind == CheckKind.DNS:
        parse_name(draft.address)
    else:
        split_host_port(draft.address, default_port=443 if draft.kind == CheckKind.TLS else None)


def _check_url(address: str) -> None:
    try:
        url = httpx.URL(address.strip())
    except httpx.InvalidURL as error:
        raise ValueError(f"It can't be read: {error}.") from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError("Write it like https://erp.example.com/health.")
    if url.userinfo:
        raise ValueError("It must not hold a user name or password.")


def _check_expectations(expected: Expectations, errors: dict[str, str]) -> None:
    _try(errors, "statuses", lambda: parse_statuses(expected.statuses))
    if expected.body_pattern:
        _try(errors, "body_pattern", lambda: check_pattern(expected.body_pattern))
    if expected.json_path:
        _try(errors, "json_path", lambda: parse_path(expected.json_path))
    if expected.json_value and not expected.json_path:
        errors["json_path"] = "Say where in the answer the value stands."
    if expected.header_value and not expected.header_name:
        errors["header_name"] = "Say which header has to hold this."
    for name in expected.__dataclass_fields__:
        value = getattr(expected, name)
        if len(value) > MAX_TEXT_CHARACTERS:
            errors.setdefault(name, f"It has more than {MAX_TEXT_CHARACTERS} characters.")
        elif "\x00" in value:
            errors[name] = "It contains a zero byte."


def _check_request(draft: CheckDraft, errors: dict[str, str]) -> None:
    if draft.method not in list(Method):
        errors["method"] = "It is none of " + ", ".join(Method) + "."
    _try(errors, "request_headers", lambda: parse_headers(draft.request_headers))
    if draft.request_body and draft.method != Method.POST:
        errors["request_body"] = "Only a POST request has a body."
    elif len(draft.request_body) > MAX_BODY_CHARACTERS:
        errors["request_body"] = f"It has more than {MAX_BODY_CHARACTERS} characters."
    if draft.method == Method.HEAD and draft.expected.need_body:
        errors["method"] = "A HEAD request is answered without a body, so nothing can be expected of one."


def _check_records(draft: CheckDraft, errors: dict[str, str]) -> None:
    if draft.record_match not in list(RecordMatch):
        errors["record_match"] = "It is none of " + ", ".join(RecordMatch) + "."
    if draft.record_type not in list(RecordType):
        errors["record_type"] = "It is none of " + ", ".join(RecordType) + "."
        return
    if len(draft.record_values) > MAX_ADDRESS_CHARACTERS:
        errors["record_values"] = f"It has more than {MAX_ADDRESS_CHARACTERS} characters."
    else:
        _try(errors, "record_values", lambda: parse_values(draft.record_type, draft.record_values))
    if len(draft.resolver) > MAX_RESOLVER_CHARACTERS:
        errors["resolver"] = f"It has more than {MAX_RESOLVER_CHARACTERS} characters."
    elif draft.resolver.strip():
        _try(errors, "resolver", lambda: split_host_port(draft.resolver, default_port=53))


def _check_schedule(draft: CheckDraft, errors: dict[str, str]) -> None:
    _try(errors, "time_zone", lambda: find_zone(draft.time_zone))
    if draft.schedule.strip() and "time_zone" not in errors:
        _try(errors, "schedule", lambda: check_cron_line(draft.schedule, draft.time_zone))


def _try(errors: dict[str, str], name: str, check: object) -> None:
    assert callable(check)
    try:
        check()
    except ValueError as error:
        errors[name] = str(error)
