"""Messages without what differs from one time to the next: ids, numbers, dates, addresses. Pure."""

from __future__ import annotations

import re

MAX_CHARACTERS = 1_000

# The order decides where two could match: the longer, more telling form first. Every form is of bounded or linear cost.
_FORMS = (
    ("email", r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+"),
    ("url", r"\b(?:https?|wss?|ftp|file|redis|postgres(?:ql)?|mysql|amqp)://[^\s\"'<>)\]]+"),
    ("uuid", r"\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b"),
    (
        "date",
        r"\b\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?)?|\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? \d{1,2} [A-Z][a-z]{2} \d{4}\b|\b\d{1,2}[./]\d{1,2}[./]\d{2,4}\b",
    ),
    ("time", r"\b\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?\b"),
    ("ip", r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?\b|\b(?:[0-9a-fA-F]{1,4}:){3,7}[0-9a-fA-F]{1,4}\b"),
    ("hex", r"\b0[xX][0-9a-fA-F]+\b|\b(?=[0-9a-fA-F]*\d)(?=[0-9a-fA-F]*[a-fA-F])[0-9a-fA-F]{8,128}\b"),
    ("duration", r"\b\d+(?:[.,]\d+)?\s?(?:ms|µs|us|ns|s|sec|seconds?|minutes?|hours?|days?)\b"),
    ("number", r"(?<![\w.])[+-]?\d+(?:[.,]\d+)*(?:[eE][+-]?\d+)?%?(?![\w])|(?<=[a-zA-Z_#])\d+(?:\.\d+)*\b"),
    # A quoted word without digits, spaces or signs is a name that belongs to the message.
    ("quoted", r"'[^'\n]{0,500}'|\"[^\"\n]{0,500}\"|`[^`\n]{0,500}`"),
)
_QUOTED = re.compile(_FORMS[-1][1])
_ANY = re.compile("|".join(f"(?P<{name}>{form})" for name, form in _FORMS[:-1]))
_WORD = re.compile(r"[A-Za-z_][A-Za-z_.\\:$-]*\Z")


def parameterise(message: str) -> str:
    """Return the message with `<uuid>`, `<number>`, `<quoted>` and the like in place of what varies."""
    text = _QUOTED.sub(_replace_quoted, message[:MAX_CHARACTERS])
    return _ANY.sub(_replace, text)


def _replace(match: re.Match[str]) -> str:
    return f"<{match.lastgroup}>"


def _replace_quoted(match: re.Match[str]) -> str:
    quoted = match[0]
    return quoted if _WORD.match(quoted[1:-1]) else f"{quoted[0]}<quoted>{quoted[-1]}"
