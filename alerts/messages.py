"""What chat, SMS and telephone say of alerts: short, and in the words of each. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from alerts.annotations import TemplateError, parse_template

MAX_SMS = 300
#: Of what is wrong, an SMS says at least so much before it leaves anything else out.
LEAST_SUMMARY = 20
MAX_SPOKEN = 600
MAX_TITLE = 250
MAX_BODY = 3_000
SHOWN_LINES = 10
MAX_LINE = 300
#: What a template of a channel knows beside $labels and $value, which are those of the first alert.
NAMES = ("summary", "severity", "application", "link", "act_link", "firing", "resolved")
#: A title is shown in lists as it was sent, so it has no link that acts without a login.
TITLE_NAMES = tuple(name for name in NAMES if name != "act_link")
_URL = re.compile(r"[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)

#: Mentions of Slack (<!here>, <@U1>), Discord (<@&1>), Teams (<at>Ada</at>) and Google Chat (<users/all>), which have brackets.
_TAG = re.compile(r"<(/?at\b[^<>]*|[!@#&][^<>]*|users/[^<>]*)>", re.IGNORECASE)
#: Those without: @everyone and its like wherever they stand, @ann where it is no mail address.
_MENTION = re.compile(r"@(?=everyone|here|channel|all\b)|(?<![\w.+-])@(?=\w)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Line:
    """One alert in words. `severity` is a word like Critical; resolved ones have their own."""

    summary: str
    severity: str
    application: str


@dataclass(frozen=True, slots=True)
class News:
    """What one message tells: alerts that fire, alerts that are over, where to look. At least one alert.

    `act_link` leads to buttons that need no login; empty while nothing fires, and for a voice. `note` is a sentence more for
    those who read.
    """

    subject: str
    firing: Sequence[Line]
    resolved: Sequence[Line]
    link: str
    act_link: str = ""
    note: str = ""

    @property
    def first(self) -> Line:
        """The alert that stands for all."""
        return [*self.firing, *self.resolved][0]

    @property
    def word(self) -> str:
        """How bad it is, in a word: the worst severity, or that it is over."""
        if not self.firing:
            return "Resolved"
        return max((line.severity for line in self.firing), key=_rank)

    @property
    def count(self) -> int:
        """How many alerts it is about."""
        return len(self.firing) + len(self.resolved)


@dataclass(frozen=True, slots=True)
class Message:
    """Title (empty where a way has none) and body."""

    title: str
    body: str


def write_chat(news: News, *, paragraphs: bool = False) -> Message:
    """Return a chat message: the subject, a line for each alert, and the links. Teams wants `paragraphs`."""
    lines = [_write_line(line, line.severity) for line in news.firing] + [
        _write_line(line, "Resolved") for line in news.resolved
    ]
    shown = lines[:SHOWN_LINES]
    if left := len(lines) - len(shown):
        shown.append(f"… and {left} more")
    shown += [news.note] if news.note else []
    links = [news.link, *([f"Acknowledge or snooze: {news.act_link}"] if news.act_link else [])]
    separator = "\n\n" if paragraphs else "\n"
    return Message(shorten(disarm(one_line(news.subject)), MAX_TITLE), separator.join([*map(disarm, shown), *links]))


def disarm(text: str) -> str:
    """Return a text that mentions nobody in a chat (@everyone, <!channel>, <at>): what alerts say is often foreign words."""
    return _MENTION.sub("＠", _TAG.sub("‹\\1›", text))


def write_sms(news: News) -> str:
    """Return at most 300 characters: severity, what is wrong, whose, and the links; what is wrong gives way first.

    Where there is no room for both links, the one that acknowledges stays: the page behind it leads to the alert.
    """
    summary = one_line(news.first.summary)
    count = f"{news.count} alerts: " if news.count > 1 else ""
    start = f"{news.word}: {count}"
    for end, least in _list_ends(news, len(summary)):
        room = MAX_SMS - len(start) - len(end)
        if room >= least:
            return f"{start}{shorten(summary, room)}{end}"
    return f"{start}{shorten(summary, MAX_SMS - len(start))}"


def _list_ends(news: News, length: int) -> list[tuple[str, int]]:
    """Return how an SMS may end, the best first, and how much room each has to leave for what is wrong."""
    whose = f" ({shorten(one_line(news.first.application), 40)})"
    acting = f" Ack: {news.act_link}" if news.act_link else ""
    both = [(f"{whose} {news.link}{acting}", max(LEAST_SUMMARY, length))] if acting else []
    one = acting or f" {news.link}"
    # A very long link: without the application there is more room, and without the link it still says what is wrong.
    return [*both, (f"{whose}{one}", LEAST_SUMMARY), (one, LEAST_SUMMARY)]


def write_spoken(news: News) -> str:
    """Return what a voice says, twice: no address, and digits as they are read out."""
    count = f"{news.count} alerts. The first: " if news.count > 1 else ""
    what = f"{news.word}{'' if news.word == 'Resolved' else ' alert'}. {news.first.application}. {count}{news.first.summary}"
    said = shorten(speak(what), MAX_SPOKEN)
    return f"{said}. I repeat. {said}. Please look into Postlaunch."


def speak(text: str) -> str:
    """Return a text as it is to be read out: signs as words, long numbers digit by digit, no addresses, no markup."""
    words = _URL.sub(" ", text)
    for sign, word in _SIGNS:
        words = words.replace(sign, word)
    # Addresses and versions; a single point stays, because voices read decimals well.
    words = re.sub(r"\d+(?:\.\d+){2,}", lambda match: match[0].replace(".", " dot "), words)
    words = re.sub(r"(?<=[^\W\d])(?=\d)|(?<=\d)(?=[^\W\d])", " ", words)
    words = re.sub(r"\d{5,}", lambda match: " ".join(match[0]), words)
    words = re.sub(r"[_/\\|#*={}\[\]()\"“”„~^`@]+", " ", words)
    return " ".join(words.split()).rstrip(".")


def find_template_error(text: str, names: tuple[str, ...] = NAMES) -> tuple[str, int] | None:
    """Return what is wrong with a channel's template and where (offset), None if nothing is."""
    try:
        parse_template(text, names)
    except TemplateError as error:
        return error.message, error.position
    return None


def shorten(text: str, length: int) -> str:
    """Return a text of at most so many characters, with … in the place of what is left out."""
    return text if len(text) <= length else f"{text[: max(0, length - 1)].rstrip()}…"


def one_line(text: str) -> str:
    """Return a text without line breaks and what can't be printed."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


_SIGNS = (
    ("≥", " at least "),
    ("≤", " at most "),
    (">=", " at least "),
    ("<=", " at most "),
    (">", " above "),
    ("<", " below "),
    ("%", " percent"),
    ("&", " and "),
    ("°C", " degrees"),
    ("…", ""),
)
_RANKS = ("Info", "Warning", "Critical")


def _rank(word: str) -> int:
    return _RANKS.index(word) if word in _RANKS else -1


def _write_line(line: Line, word: str) -> str:
    return shorten(f"{word}: {one_line(line.summary)} ({one_line(line.application)})", MAX_LINE)
