"""Taking out what is nobody's business before an event is kept: secrets, card numbers, whole IP addresses. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeVar

FILTERED = "[Filtered]"
AUTO = "{{auto}}"
MAX_DEPTH = 60
MAX_STRING = 16 * 1024
MAX_NAME = 24
MAX_REMEMBERED = 8_000
MAX_REMEMBERED_TEXT = 250
_SHORTEST_CARD = 10**12  # 13 digits
_CUT = "…"

#: Words that mark a secret wherever they stand in a name: `user_password`, `X-Api-Key`, `oldPasswd`.
SECRET_WORDS = (
    "password", "passwd", "passphrase", "passwort", "secret", "apikey", "privatekey", "accesskey", "credential",
    "authorization", "authentication", "cookie", "creditcard", "cardnumber", "securitycode", "mysqlpwd",
)  # fmt: skip
#: Words that mark one only when they stand alone or between signs: `auth` must not take `author` along.
SECRET_PARTS = (
    "auth", "token", "pwd", "pin", "otp", "cvv", "cvc", "ssn", "iban", "csrf", "xsrf", "csrftoken", "jwt", "session",
    "sessionid", "sid", "card", "pass", "bearer", "csrfmiddlewaretoken", "phpsessid", "signature", "salt",
)  # fmt: skip
_IP_NAMES = frozenset(
    {"ip", "ip_address", "ipaddress", "remote_addr", "client_ip", "x_forwarded_for", "x_real_ip", "forwarded",
     "true_client_ip", "cf_connecting_ip", "http_x_forwarded_for", "http_x_real_ip"}
)  # fmt: skip

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_CARD = re.compile(r"(?<!\d)(?<!\d\.)(?:\d[ -]?){12,18}\d(?!\.?\d)")
_IN_TEXT = re.compile(
    r"(?P<bearer>\b(?:bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,})"
    r"|(?P<jwt>\beyJ[A-Za-z0-9_-]{8,2000}\.[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]*)"
    r"|(?P<pem>-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[^-]*(?:-----END [A-Z ]{0,40}PRIVATE KEY-----)?)"
    r"|(?P<login>(?<=://)[^/\s:@'\"]{1,200}:[^/\s@'\"]{1,200}(?=@))",
    re.IGNORECASE,
)
#: A name, a sign (also `=>` of PHP, and quotes within quotes), and a value: quoted, or up to where the next one begins.
_ASSIGNED = re.compile(
    r"""(?<!\w)(?<!\w-)(?P<name>[A-Za-z_][\w-]{2,60})(?P<between>\\{0,3}['"\]]?\s{0,3}(?:=>|[=:])\s{0,3})(?!//)"""
    r"""(?:(?P<quote>\\{0,3}['"])(?P<quoted>(?:(?!(?P=quote)).){1,500})"""
    r"""|(?P<value>[^\s'",;&?}\])]{1,500}(?:[,;](?![\w-]{1,60}\s?[=:])[^\s'",;&?}\])]{1,500})*))"""
)
#: Headers whose secret stands behind the name of a scheme. Bearer and Basic show by their form.
_SCHEME = re.compile(
    r"(?P<name>\bauthorization\s{0,3}[=:]\s{0,3})(?:token|digest|api-?key|negotiate|ntlm|hawk|aws4-hmac-sha256|signature)\s[^\n]{1,2000}",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class ScrubRules:
    """What is taken out. `names` are the operator's own, beside the built-in ones; `kept` are let through."""

    names: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()
    keep_whole_ip: bool = False
    infer_ip: bool = False


def make_rules(*, names: Iterable[str], kept: Iterable[str], keep_whole_ip: bool, infer_ip: bool) -> ScrubRules:
    """Return rules with names compared by their letters alone: `Api-Key`, `api_key` and `apiKey` are one."""
    return ScrubRules(
        frozenset(filter(None, map(_letters, names))),
        frozenset(filter(None, map(_letters, kept))),
        keep_whole_ip,
        infer_ip,
    )


def scrub(document: Mapping[str, Any], *, rules: ScrubRules, client_ip: str = "") -> dict[str, Any]:
    """Return a copy of an event without what the rules take out; what is cut says so in its place.

    `client_ip` is where the request came from. It is filled in where the client asks for that, if the rules allow it.
    """
    cleaned = _cleaner_for(rules).clean_members(document, 1)
    cleaned.pop("ingest_settings", None)
    user = cleaned.get("user")
    if isinstance(user, dict):
        _settle_user_ip(user, document.get("user"), rules, client_ip)
    return cleaned


def truncate_ip(text: str) -> str:
    """Return an address without its last part (/24, /48), an empty text for what is no address."""
    try:
        address = ipaddress.ip_address(text.strip().strip("[]").partition("%")[0])
    except ValueError:
        return ""
    prefix = 24 if address.version == 4 else 48
    return str(ipaddress.ip_network(f"{address}/{prefix}", strict=False).network_address)


def is_secret(name: str, rules: ScrubRules) -> bool:
    """Return whether a name says that its value is a secret."""
    return _judge_name(name, rules.names, rules.kept)


@lru_cache(maxsize=20_000)
def _judge_name(name: str, names: frozenset[str], kept: frozenset[str]) -> bool:
    letters = _letters(name[:200])
    if not letters or letters in kept:
        return False
    if letters in names or any(word in letters for word in (*SECRET_WORDS, *names)):
        return True
    parts = [part.lower() for part in _WORDS.findall(name[:200])]
    return any(part in SECRET_PARTS for part in parts)


def _letters(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())


@dataclass(frozen=True, slots=True)
class _Member:
    """What a member's name says about its value. `texts` are cleaned texts under such names, remembered."""

    key: str
    texts: dict[str, str]
    is_secret: bool = False
    is_address: bool = False
    is_source: bool = False


@dataclass(slots=True)
class _Cleaner:
    """Cleans documents by one set of rules.

    Events of one program say the same things again and again: names, lines of code, texts. What was made of short ones is
    remembered, which is most of the work. Threads may share a cleaner: what one forgets another only works out again.
    """

    rules: ScrubRules
    members: dict[str, _Member] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    source_texts: dict[str, str] = field(default_factory=dict)

    def clean_members(self, document: Mapping[str, Any], depth: int) -> dict[str, Any]:
        """Return an object's members, cleaned."""
        cleaned: dict[str, Any] = {}
        members = self.members
        for name, value in document.items():
            member = members.get(name) or self._judge(name)
            # Nearly every value is a text that was seen before.
            if type(value) is str and not member.is_secret and (known := member.texts.get(value)) is not None:
                cleaned[member.key] = known
            else:
                cleaned[member.key] = self._clean(member, value, depth)
        return cleaned

    def _clean(self, member: _Member, value: Any, depth: int) -> Any:
        """Return a member's value, cleaned."""
        if value is None or isinstance(value, bool):
            return value
        if member.is_secret:
            return FILTERED if value not in ("", [], {}) else value
        if isinstance(value, str):
            return self._clean_string(member, value)
        if isinstance(value, int) and not -_SHORTEST_CARD < value < _SHORTEST_CARD:
            return FILTERED if _holds_card(str(value)) else value
        if isinstance(value, dict):
            return _CUT if depth >= MAX_DEPTH else self.clean_members(value, depth + 1)
        if isinstance(value, list):
            return _CUT if depth >= MAX_DEPTH else self._clean_list(member, value, depth + 1)
        return value

    def _clean_list(self, member: _Member, values: list[Any], depth: int) -> list[Any]:
        cleaned = [self._clean_element(member, each, depth) for each in values]
        # Arguments of a command: what stands behind --password is one.
        for place, flag in enumerate(values[:-1]):
            if isinstance(flag, str) and flag.startswith("--") and "=" not in flag and is_secret(flag, self.rules):
                cleaned[place + 1] = FILTERED
        return cleaned

    def _clean_element(self, member: _Member, value: Any, depth: int) -> Any:
        """Return an element of a list; headers, cookies and tags often come as pairs of a name and a value."""
        if isinstance(value, str) and not member.is_secret and (known := member.texts.get(value)) is not None:
            return known
        if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str):
            name = value[0]
            return [name, self._clean(self.members.get(name) or self._judge(name), value[1], depth + 1)]
        return self._clean(member, value, depth)

    def _clean_string(self, member: _Member, text: str) -> str:
        if member.is_address and text != AUTO:
            return ", ".join(truncate_ip(part) or FILTERED for part in text.split(",")[:20])
        cleaned = _clean_text(text, self.rules, is_source=member.is_source)
        # Under an address's name a text is cleaned in another way, so nothing is remembered there.
        if len(text) <= MAX_REMEMBERED_TEXT and not member.is_address:
            _remember(member.texts, text, cleaned)
        return cleaned

    def _judge(self, name: str) -> _Member:
        """Return what a name says, worked out anew."""
        is_address = not self.rules.keep_whole_ip and name.lower().replace("-", "_") in _IP_NAMES
        is_source = name in _SOURCE
        member = _Member(
            # Only long names can hold a secret themselves.
            key=name if len(name) <= MAX_NAME else _clean_text(name, self.rules),
            texts={} if is_address else self.source_texts if is_source else self.texts,
            is_secret=is_secret(name, self.rules),
            is_address=is_address,
            is_source=is_source,
        )
        if len(name) <= MAX_REMEMBERED_TEXT:
            _remember(self.members, name, member)
        return member


Remembered = TypeVar("Remembered")


def _remember(memory: dict[str, Remembered], key: str, value: Remembered) -> None:
    # Nothing is ordered by use: emptied now and then, it fills with what is common now.
    if len(memory) >= MAX_REMEMBERED:
        memory.clear()
    memory[key] = value


@lru_cache(maxsize=8)
def _cleaner_for(rules: ScrubRules) -> _Cleaner:
    return _Cleaner(rules)


def _clean_text(text: str, rules: ScrubRules, *, is_source: bool = False) -> str:
    """Return a text without secrets that show by their form, or by the name in front of them."""
    if len(text) > MAX_STRING:
        text = text[:MAX_STRING] + _CUT
    if len(text) < 6:
        return text
    if _may_show_a_form(text):
        text = _IN_TEXT.sub(FILTERED, text)
    # In lines of source code a name before a sign is code; what is secret there shows by its form.
    if not is_source and ("=" in text or ":" in text):
        text = _SCHEME.sub(_clean_header, text)
        text = _ASSIGNED.sub(lambda match: _clean_assigned(match, rules), text)
    if len(text) >= 13 and _MANY_DIGITS.search(text):
        text = _CARD.sub(lambda match: FILTERED if _holds_card(match[0]) else match[0], text)
    return text


def _may_show_a_form(text: str) -> bool:
    """Return whether one of the forms of _IN_TEXT can be in a text: most hold none of what each must hold."""
    if not text.isascii():
        return True  # some letters beyond ASCII count as s or k where case does not matter
    small = text.lower()
    return (
        "bearer" in small
        or "basic" in small
        or "eyj" in small
        or "-----begin " in small
        or ("://" in text and "@" in text)
    )


def _clean_assigned(match: re.Match[str], rules: ScrubRules) -> str:
    if not is_secret(match["name"], rules) or match["value"] == FILTERED[:-1]:
        return match[0]
    return f"{match['name']}{match['between']}{match['quote'] or ''}{FILTERED}"


def _clean_header(match: re.Match[str]) -> str:
    return f"{match['name']}{FILTERED}"


def _holds_card(text: str) -> bool:
    """Return whether a text is a number that card networks could have given out (Luhn's check)."""
    digits = [int(character) for character in text if character.isdecimal()]
    if not 13 <= len(digits) <= 19 or digits[0] not in {2, 3, 4, 5, 6} or len(set(digits)) == 1:
        return False
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _settle_user_ip(user: dict[str, Any], sent: Any, rules: ScrubRules, client_ip: str) -> None:
    """Fill in, truncate or leave out the person's address."""
    asked = sent.get("ip_address") if isinstance(sent, Mapping) else None
    if asked != AUTO:
        return
    found = (client_ip if rules.keep_whole_ip else truncate_ip(client_ip)) if rules.infer_ip else ""
    if found:
        user["ip_address"] = found
    else:
        user.pop("ip_address", None)


_SOURCE = frozenset({"context_line", "pre_context", "post_context"})
_MANY_DIGITS = re.compile(r"(?:\d[ -]?){13}")
