"""What a channel is made of: the parts that people have at hand, checked, and the Apprise address built out of them. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

EMAIL, WEBHOOK, SLACK, TEAMS, SMS, PHONE, APPRISE = "email", "webhook", "slack", "teams", "sms", "phone", "apprise"

#: The secret parts of each kind. What is left empty on a form stays as it was.
PARTS: dict[str, tuple[str, ...]] = {
    SLACK: ("url",),
    TEAMS: ("url",),
    APPRISE: ("url",),
    SMS: ("account_sid", "auth_token", "from_number"),
    PHONE: ("account_sid", "auth_token", "from_number"),
}
#: Kinds whose readable address is telephone numbers.
NUMBERED = frozenset({SMS, PHONE})
#: Kinds that go out by Apprise.
BY_APPRISE = frozenset(PARTS)
#: So many addresses or numbers at most: a channel is for a team, and one test or alert goes to all of them.
MAX_ADDRESSES = 20
MAX_URL = 2_000

_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
_SHORT_CODE = re.compile(r"[0-9]{5,6}")
_ACCOUNT_SID = re.compile(r"AC[0-9a-fA-F]{32}")
_AUTH_TOKEN = re.compile(r"[0-9a-zA-Z]{16,64}")
_SLACK = re.compile(r"https://hooks\.slack(?:-gov)?\.com/services/[A-Z0-9]+/[A-Z0-9]+/[A-Za-z0-9]+/?")
_TEAMS_HOSTS = (".logic.azure.com", ".logic.azure.us", ".logic.azure.cn", ".powerplatform.com", ".powerplatform.us")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_FILLERS = re.compile(r"[\s().\-/]+")
_SEPARATORS = re.compile(r"[,;\n]+")


def merge_parts(kind: str, stored: Mapping[str, str], typed: Mapping[str, str]) -> dict[str, str]:
    """Return the parts of a channel: what was typed, and where nothing was, what is stored."""
    merged = {name: str(typed.get(name, "")).strip() or stored.get(name, "") for name in PARTS.get(kind, ())}
    return {name: text for name, text in merged.items() if text}


def find_part_errors(kind: str, parts: Mapping[str, str]) -> dict[str, str]:
    """Return what is wrong with a channel's secret parts, in words, by part. The words hold no secret."""
    found = {name: judge_part(kind, name, parts.get(name, "")) for name in PARTS.get(kind, ())}
    return {name: wrong for name, wrong in found.items() if wrong}


def judge_part(kind: str, name: str, text: str) -> str:
    """Return what is wrong with one part, empty if nothing is."""
    if not text:
        return _MISSING[name]
    if _CONTROL.search(text):
        return "It holds a line break or another character that can't be seen. Copy it once more."
    if name == "url":
        return _judge_url(kind, text)
    if name == "account_sid":
        return "" if _ACCOUNT_SID.fullmatch(text) else "An account SID is AC and 32 digits or letters a to f."
    if name == "auth_token":
        return "" if _AUTH_TOKEN.fullmatch(text) else "An auth token is letters and digits only, usually 32 of them."
    tidy = tidy_number(text)
    if _NUMBER.fullmatch(tidy) or (kind == SMS and _SHORT_CODE.fullmatch(tidy)):
        return ""
    return "Write the number with its country, like +491701234567."


def split_numbers(text: str) -> list[str]:
    """Return telephone numbers out of a text, each once, without blanks and brackets."""
    numbers = (tidy_number(each) for each in _SEPARATORS.split(text))
    return list(dict.fromkeys(number for number in numbers if number))


def judge_numbers(numbers: Sequence[str]) -> str:
    """Return what is wrong with the first bad number, empty if nothing is."""
    if len(numbers) > MAX_ADDRESSES:
        return (
            f"A channel can have {MAX_ADDRESSES} numbers at most, and these are {len(numbers)}. Make a second channel."
        )
    wrong = next((number for number in numbers if _NUMBER.fullmatch(number) is None), None)
    if wrong is None:
        return ""
    return f"“{_CONTROL.sub('', wrong)}” is not a number in international form (E.164): write it like +491701234567."


def tidy_number(text: str) -> str:
    """Return a number as E.164 writes it, if it is one: without blanks, dots, brackets and the 00 of some countries."""
    plain = _FILLERS.sub("", text.strip())
    return f"+{plain[2:]}" if plain.startswith("00") else plain


def judge_label(text: str) -> str:
    """Return what is wrong with words that stand for a room, empty if nothing is."""
    if _CONTROL.search(text):
        return "It holds a line break or another character that can't be seen."
    return "Write 100 characters at most." if len(text) > 100 else ""


def build_address(kind: str, parts: Mapping[str, str], *, number: str = "") -> str:
    """Return the Apprise address of valid parts; of SMS and calls for one number."""
    if kind in NUMBERED:
        method = "call" if kind == PHONE else "sms"
        source = tidy_number(parts["from_number"])
        return f"twilio://{parts['account_sid']}:{parts['auth_token']}@{source}/{number}/?method={method}"
    # Cards are plain text: with the library's escapes for Markdown people would see backslashes.
    return f"{parts['url']}&format=text" if kind == TEAMS else parts["url"]


def describe_room(kind: str, *, label: str, name: str) -> str:
    """Return what people read as the recipient of a room's messages: “Slack #ops (Operations)”."""
    words = {SLACK: "Slack", TEAMS: "Teams"}.get(kind, "")
    return " ".join(word for word in (words, label, f"({name})") if word)


_MISSING = {
    "url": "Enter the address; it is kept encrypted.",
    "account_sid": "Enter the account SID; Twilio's console shows it on its first page.",
    "auth_token": "The auth token is missing; Twilio's console shows it beside the account SID.",
    "from_number": "Enter the number that messages come from.",
}


def _judge_url(kind: str, text: str) -> str:
    if len(text) > MAX_URL:
        return f"An address can have {MAX_URL} characters at most."
    if kind == SLACK and _SLACK.fullmatch(text) is None:
        return "This is not the URL of an incoming webhook: it looks like https://hooks.slack.com/services/T…/B…/…."
    if kind == TEAMS and not _is_teams(text):
        return (
            "This is not the URL of a workflow: it begins with https://, its host ends in logic.azure.com or powerplatform.com, "
            "and it holds /workflows/ and sig=."
        )
    if kind == APPRISE and "://" not in text:
        return "Write the whole address, beginning with the service, like discord:// or ntfys://."
    return ""


def _is_teams(text: str) -> bool:
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
    except ValueError:
        return False
    return (
        parts.scheme == "https"
        and host.endswith(_TEAMS_HOSTS)
        and "/workflows/" in parts.path
        and bool(re.search(r"(?:^|&)sig=[\w-]+", parts.query))
    )
