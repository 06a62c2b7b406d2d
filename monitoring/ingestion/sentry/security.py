"""What browsers report when a page broke the rules its server gave it, as events of errors. Pure.

Two forms: report-uri, one object whose only member names the kind (`csp-report`, `expect-ct-report`, `expect-staple-report`,
`known-pins` at the top for pinned keys), and the Reporting API, a list of objects with `type` and `body`. Browsers report
the same thing at every load of a page: the same report of the same browser within an hour has the same id.
Source: w3.org/TR/CSP3 (5.3, 5.5), w3.org/TR/reporting-1, RFC 9163 (3.1), RFC 7469 (3).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from monitoring.lenient import BROKEN, decode_json

MAX_REPORTS = 100
MAX_BYTES = 1024 * 1024
"""Of a body. Browsers send a few reports of less than 10 KiB."""
#: Sources that only a browser's extensions or its own tools have: nothing that the application could mend.
FOREIGN = (
    "chrome-extension", "moz-extension", "safari-extension", "safari-web-extension", "ms-browser-extension", "webkit-masked-url",
    "chrome", "resource", "about", "chromenull", "chromeinvoke", "mbinit", "symres", "itms-apps", "webviewprogressproxy",
)  # fmt: skip
_KEYWORDS = frozenset(
    {"inline", "eval", "self", "data", "blob", "wasm-eval", "trusted-types-policy", "trusted-types-sink"}
)


class SecurityReportInvalid(Exception):
    """A body that is no report; the text says why."""


@dataclass(frozen=True, slots=True)
class SecurityEvent:
    """One report as an event's document, with the id that its repetitions have too."""

    event_id: UUID
    document: dict[str, Any]

    def encode(self) -> bytes:
        """Return the document as JSON."""
        return json.dumps({"event_id": self.event_id.hex, **self.document}).encode(errors="replace")


@dataclass(slots=True)
class SecurityReports:
    """What a body held: events, reports of other kinds or of extensions, reports that make no sense, and those beyond the limit."""

    events: list[SecurityEvent]
    foreign: int = 0
    refused: int = 0
    limited: int = 0


def read_reports(
    body: bytes,
    *,
    received_at: datetime,
    client: str = "",
    user_agent: str = "",
    release: str = "",
    environment: str = "",
) -> SecurityReports:
    """Return the events of a body. `client` tells one browser from another; only ids are made of it.

    Raises SecurityReportInvalid for what is neither an object nor a list in JSON.
    """
    if len(body) > MAX_BYTES:
        raise SecurityReportInvalid(f"The body has {len(body)} bytes; at most {MAX_BYTES} are read.")
    try:
        found = decode_json(body)
    except BROKEN as error:
        raise SecurityReportInvalid(f"The report is not JSON: {error}.") from error
    if not isinstance(found, (dict, list)):
        raise SecurityReportInvalid("A report is a JSON object, or a list of them.")
    entries = found if isinstance(found, list) else [found]
    reports = SecurityReports([], limited=max(len(entries) - MAX_REPORTS, 0))
    around = {name: text for name, text in (("release", release[:200]), ("environment", environment[:64])) if text}
    for entry in entries[:MAX_REPORTS]:
        kind, report, url, agent = _open(entry)
        if not kind:
            reports.refused += 1
            continue
        document = _DESCRIBERS[kind](report, url) if kind in _DESCRIBERS else None
        if document is None:
            reports.foreign += 1
            continue
        document |= {"platform": "javascript", "logger": "security", "level": "warning", **around}
        document["timestamp"] = received_at.timestamp()
        if agent or user_agent:
            document["request"]["headers"] = {"User-Agent": (agent or user_agent)[:500]}
        reports.events.append(SecurityEvent(_make_id(document, client, received_at), document))
    return reports


def _open(entry: Any) -> tuple[str, dict[str, Any], str, str]:
    """Return kind, report, page and user agent of an entry; an empty kind if it is none."""
    if not isinstance(entry, dict):
        return "", {}, "", ""
    body = entry.get("body")
    if isinstance(entry.get("type"), str) and isinstance(body, dict):
        return entry["type"], body, _text(entry.get("url")), _text(entry.get("user_agent"))
    for kind in ("csp-report", "expect-ct-report", "expect-staple-report"):
        if isinstance(entry.get(kind), dict):
            return kind, entry[kind], "", ""
    return ("hpkp", entry, "", "") if isinstance(entry.get("known-pins"), list) else ("", {}, "", "")


def _describe_csp(report: Mapping[str, Any], url: str) -> dict[str, Any] | None:
    """Return the event of a broken content policy: its group are directive and where the blocked thing comes from."""
    page = _get(report, "document-uri", "documentURL") or url
    blocked = _get(report, "blocked-uri", "blockedURL")
    source = _get(report, "source-file", "sourceFile")
    directive = _get(report, "effective-directive", "effectiveDirective", "violated-directive").split(" ")[0].lower()
    if not directive or _is_foreign(blocked) or _is_foreign(source):
        return None
    origin = _find_origin(blocked, page)
    is_trial = _get(report, "disposition") == "report"
    what = {
        "inline": "an inline script or style",
        "eval": "code made of text (eval)",
        "self": "something of the site's own",
    }
    value = f"{directive} blocks {what.get(origin, origin or 'something')}"
    tags = {
        "directive": directive,
        "blocked": origin or "unknown",
        "disposition": "report only" if is_trial else "enforced",
    }
    frames = [
        {
            "filename": _strip(source),
            "lineno": _number(_get_raw(report, "line-number", "lineNumber")),
            "colno": _number(_get_raw(report, "column-number", "columnNumber")),
            "context_line": _get(report, "script-sample", "sample"),
            "in_app": True,
        }
    ]
    return _make("CSP", value, ["csp", directive, origin], page, tags, report, frames if source else None)


def _describe_expect_ct(report: Mapping[str, Any], url: str) -> dict[str, Any] | None:
    host = _get(report, "hostname")
    value = f"the certificate of {host or 'a host'} is in no log that the browser knows"
    return _make("Expect-CT", value, ["expect-ct", host], url, {"host": host}, report)


def _describe_expect_staple(report: Mapping[str, Any], url: str) -> dict[str, Any] | None:
    host = _get(report, "hostname")
    state = _get(report, "response-status").lower()
    value = f"{host or 'a host'} sent no valid OCSP response{f' ({state})' if state else ''}"
    return _make("Expect-Staple", value, ["expect-staple", host, state], url, {"host": host}, report)


def _describe_pins(report: Mapping[str, Any], url: str) -> dict[str, Any] | None:
    host = _get(report, "hostname")
    value = f"the keys of {host or 'a host'} are not those that were pinned"
    return _make("HPKP", value, ["hpkp", host], url, {"host": host}, report)


def _describe_network_error(report: Mapping[str, Any], url: str) -> dict[str, Any] | None:
    kind = _get(report, "type").lower()
    if not kind or kind == "ok":
        return None
    origin = _find_origin(url, "")
    value = f"browsers can't reach {origin or 'the site'}: {kind}"
    tags = {"error": kind, "phase": _get(report, "phase"), "protocol": _get(report, "protocol")}
    return _make("NetworkError", value, ["network-error", kind, origin], url, tags, report)


_DESCRIBERS = {
    "csp-report": _describe_csp,
    "csp-violation": _describe_csp,
    "expect-ct-report": _describe_expect_ct,
    "expect-staple-report": _describe_expect_staple,
    "hpkp": _describe_pins,
    "network-error": _describe_network_error,
}


def _make(
    kind: str,
    value: str,
    fingerprint: list[str],
    page: str,
    tags: Mapping[str, str],
    report: Mapping[str, Any],
    frames: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    exception: dict[str, Any] = {
        "type": kind,
        "value": value,
        "mechanism": {"type": "security_report", "handled": True},
    }
    if frames:
        exception["stacktrace"] = {"frames": frames}
    shown = {name: each for name, each in list(report.items())[:40] if isinstance(each, (str, int, float))}
    return {
        "exception": {"values": [exception]},
        "fingerprint": fingerprint,
        "transaction": _path(page),
        "request": {"url": page},
        "tags": {name: text for name, text in tags.items() if text},
        "contexts": {"report": {name: _text(each) for name, each in shown.items()}},
    }


def _make_id(document: Mapping[str, Any], client: str, received_at: datetime) -> UUID:
    """Return the id of a report: the same for what the same browser says about the same place within an hour."""
    said = {name: each for name, each in document.items() if name not in {"timestamp", "contexts"}}
    said["request"] = {**said["request"], "url": _strip(said["request"]["url"])}
    hour = int(received_at.timestamp() // 3600)
    text = json.dumps([hour, client, said], sort_keys=True, default=str)
    return UUID(bytes=hashlib.blake2b(text.encode(errors="replace"), digest_size=16).digest())


def _find_origin(blocked: str, page: str) -> str:
    """Return where a blocked thing comes from: a keyword, a scheme, a host, or self for the page's own host."""
    if blocked in _KEYWORDS or not blocked:
        return blocked
    if not _is_url(blocked):
        return blocked.partition(":")[0].lower()[:100]
    host = _host(blocked)
    return "self" if host and host == _host(page) else host[:100]


def _is_foreign(url: str) -> bool:
    return url.partition(":")[0].lower() in FOREIGN and url not in _KEYWORDS


def _is_url(text: str) -> bool:
    return text.lower().startswith(("http://", "https://", "ws://", "wss://"))


def _host(url: str) -> str:
    try:
        return urlsplit(url).netloc.rpartition("@")[2].lower() if _is_url(url) else ""
    except ValueError:
        return ""


def _path(url: str) -> str:
    try:
        return urlsplit(url).path[:200] if _is_url(url) else ""
    except ValueError:
        return ""


def _strip(url: str) -> str:
    """Return an address without query and fragment."""
    return url.partition("?")[0].partition("#")[0]


def _get_raw(report: Mapping[str, Any], *names: str) -> Any:
    return next((report[name] for name in names if name in report), None)


def _get(report: Mapping[str, Any], *names: str) -> str:
    return next((text for name in names if (text := _text(report.get(name)))), "")


def _text(value: object) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = str(value)
    return value.replace("\x00", "").strip()[:1000] if isinstance(value, str) else ""


def _number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0
