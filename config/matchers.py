"""Alertmanager's matchers: conditions on labels, as routes, silences, inhibition rules and components use them. Pure.

Source: Alertmanager's documentation, “Classic matchers” (0.25 has no others). Three things are refused here that it reads
without complaint, though hardly anybody means them as it does: a brace on one side only, a brace in a value without quotes
(of `{a=b},` it takes the value `b}`), and a value without quotes that begins with one of = ~ ! ' and `. Whitespace around
the braces is allowed, as in later versions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, cast

import re2

Operator = Literal["=", "!=", "=~", "!~"]
OPERATORS: tuple[Operator, ...] = ("=", "!=", "=~", "!~")
MAX_MATCHERS = 50
MAX_VALUE_LENGTH = 1_000
MAX_TEXT_LENGTH = 20_000

#: What Alertmanager strips: Unicode's whitespace, but not the four separators that Python counts as such.
_SPACE = (
    " \t\n\v\f\r\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*", re.ASCII)
_GAP = r"[ \t\n\f\r]*"
_MATCHER = re.compile(rf"({_NAME.pattern}){_GAP}(=~|!=|!~|=){_GAP}(.*)", re.ASCII | re.DOTALL)
_ESCAPE = re.compile(r'\\([\\"n])')
#: A piece of a list: quoted text, or what is neither a comma nor a quote. A backslash hides a quote, but no comma.
_PIECE = re.compile(r'(?:"(?:\\.|[^"\\])*(?:"|\\?\Z)|\\[^,]|[^",\\]|\\)*', re.DOTALL)
_UNQUOTED_BRACE = re.compile(r"[{}]")
_SUSPICIOUS_STARTS = "=~!'`"


class MatcherInvalid(Exception):
    """A matcher that can't be used. `position` is the offset of the character where it goes wrong, None if unknown."""

    def __init__(self, message: str, position: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.position = position

    def __str__(self) -> str:
        """The message, with the place."""
        return self.message if self.position is None else f"{self.message} (at character {self.position + 1})"


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on one label; a label that is missing counts as the empty text.

    For =~ and !~ `value` is an RE2 expression that must match the label's whole value. Raises MatcherInvalid when made
    of anything that can't be matched.
    """

    name: str
    operator: Operator
    value: str

    def __post_init__(self) -> None:
        """Refuse at once what would fail later, in the middle of an evaluation."""
        if _NAME.fullmatch(self.name) is None:
            raise MatcherInvalid(
                f"“{self.name}” can't be a label: use letters without accents, digits, _ and :, and don't begin with a digit."
            )
        if self.operator not in OPERATORS:
            raise MatcherInvalid(f"“{self.operator}” is no operator: use one of {', '.join(OPERATORS)}.")
        _check_value(self.name, self.value)
        if self.is_expression:
            _compile(self.value)

    @property
    def is_expression(self) -> bool:
        """Whether the value is a regular expression."""
        return self.operator in ("=~", "!~")

    @property
    def is_negative(self) -> bool:
        """Whether it asks for labels that are not like the value."""
        return self.operator in ("!=", "!~")

    def matches(self, label_value: str) -> bool:
        """Whether a label with this value is selected."""
        if not self.is_expression:
            return (label_value == self.value) is not self.is_negative
        return _matches_whole(self.value, label_value) is not self.is_negative

    def __str__(self) -> str:
        """As `parse_matchers` reads it."""
        escaped = self.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'{self.name}{self.operator}"{escaped}"'


def matches(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    """Whether every matcher selects these labels; without matchers, True.

    `matches(matchers, {})` tells whether they select labels that have none of the names: Alertmanager refuses silences
    for which that is so, because they silence nearly everything.
    """
    return all(matcher.matches(labels.get(matcher.name, "")) for matcher in matchers)


def write_matchers(matchers: Iterable[Matcher]) -> str:
    """Return matchers as text, `{a="b", c=~"d|e"}`, of which `parse_matchers` makes the same again; `{}` for none."""
    return "{" + ", ".join(map(str, matchers)) + "}"


def parse_matchers(text: str) -> tuple[Matcher, ...]:
    """Read `{a="b", c=~"d|e"}`, or the same without braces or without quotes, in the order written.

    Empty text and `{}` give no matchers. One comma may end the list. In values `\\\\`, `\\"` and `\\n` are escapes; any
    other backslash stands for itself. Raises MatcherInvalid, in words, with the place.
    """
    if len(text) > MAX_TEXT_LENGTH:
        raise MatcherInvalid(f"The matchers are longer than {MAX_TEXT_LENGTH} characters.", MAX_TEXT_LENGTH)
    start, end = _strip(text, 0, len(text))
    start, end = _strip_braces(text, start, end)
    pieces = list(_split(text, start, end))
    if len(pieces) > MAX_MATCHERS:
        raise MatcherInvalid(f"There are more than {MAX_MATCHERS} matchers.", pieces[MAX_MATCHERS][0])
    return tuple(_parse_matcher(text, *piece) for piece in pieces)


def _strip(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the bounds of the text between these without whitespace at its ends."""
    part = text[start:end]
    start += len(part) - len(part.lstrip(_SPACE))
    return start, max(start, start + len(part.strip(_SPACE)))


def _strip_braces(text: str, start: int, end: int) -> tuple[int, int]:
    opens, closes = text.startswith("{", start, end), text.endswith("}", start, end)
    if opens and not closes:
        raise MatcherInvalid("The brace { is never closed: end with }, or leave out both.", start)
    if closes and not opens:
        raise MatcherInvalid("The brace } was never opened: begin with {, or put the value in double quotes.", end - 1)
    return (start + 1, end - 1) if opens else (start, end)


def _split(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the bounds of what stands between the commas that are not quoted, without whitespace around it."""
    at = start
    while _strip(text, at, end)[0] < end:
        found = _PIECE.match(text, at, end)
        piece_end = found.end() if found else at
        piece = _strip(text, at, piece_end)
        if piece[0] == piece[1]:
            raise MatcherInvalid("There is a comma with no matcher before it.", piece_end)
        yield piece
        at = piece_end + 1


def _parse_matcher(text: str, start: int, end: int) -> Matcher:
    found = _MATCHER.fullmatch(text, start, end)
    if found is None:
        raise _explain(text, start, end)
    name, operator, written = found.groups()
    try:
        return Matcher(name, cast(Operator, operator), _unquote(name, written))
    except MatcherInvalid as error:
        raise MatcherInvalid(error.message, found.start(3) + (error.position or 0)) from error


def _explain(text: str, start: int, end: int) -> MatcherInvalid:
    """What is wrong with a matcher that has not the form name, operator, value."""
    name = _NAME.match(text, start, end)
    if name is None:
        if text[start] == '"':
            return MatcherInvalid("Write the label's name without quotes; only values have them.", start)
        return MatcherInvalid(
            "A matcher begins with a label's name: letters without accents, digits, _ and :, not a digit first.", start
        )
    place = _strip(text, name.end(), end)[0]
    if place == end:
        return MatcherInvalid(f'After the label “{name[0]}” a comparison is missing: write {name[0]}="value".', place)
    return MatcherInvalid(f"After the label “{name[0]}” comes one of {', '.join(OPERATORS)}.", place)


def _unquote(name: str, written: str) -> str:
    """Return the value that is meant; `position` of what is raised is an offset in `written`."""
    if not written.startswith('"'):
        _check_unquoted(name, written)
        return _unescape(written)
    close = _find_quote(written, 1)
    if close is None:
        raise MatcherInvalid(f"The value of “{name}” has no closing quote.", 0)
    if close + 1 != len(written):
        raise MatcherInvalid(f"After the closing quote of the value of “{name}” a comma is missing.", close + 1)
    return _unescape(written[1:close])


def _check_unquoted(name: str, written: str) -> None:
    if (quote := _find_quote(written, 0)) is not None:
        raise MatcherInvalid(
            f'In the value of “{name}” stands a quote: put the whole in quotes and write \\" in it.', quote
        )
    if written and written[0] in _SUSPICIOUS_STARTS:
        raise MatcherInvalid(
            f"The value of “{name}” begins with {written[0]}: if that is part of it, put it in double quotes.", 0
        )
    if brace := _UNQUOTED_BRACE.search(written):
        raise MatcherInvalid(
            f"In the value of “{name}” stands a brace: if it is part of it, put it in double quotes.", brace.start()
        )


def _find_quote(written: str, start: int) -> int | None:
    """Return the place of the first quote that is not escaped."""
    at = start
    while at < len(written):
        if written[at] == '"':
            return at
        at += 2 if written[at] == "\\" else 1
    return None


def _unescape(written: str) -> str:
    return _ESCAPE.sub(lambda found: "\n" if found[1] == "n" else found[1], written)


def _check_value(name: str, value: str) -> None:
    if len(value) > MAX_VALUE_LENGTH:
        raise MatcherInvalid(f"The value of “{name}” is longer than {MAX_VALUE_LENGTH} characters.")
    if not _is_encodable(value) or "\0" in value:
        raise MatcherInvalid(f"The value of “{name}” has a character that no label can have.")


def _is_encodable(value: str) -> bool:
    """Whether UTF-8 has it all; halves of surrogate pairs it has not."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _make_encodable(value: str) -> str:
    """RE2 reads UTF-8; a label's value that is broken must not stop the alerts beside it."""
    return value if value.isascii() or _is_encodable(value) else value.encode(errors="replace").decode()


@lru_cache(maxsize=16384)
def _matches_whole(pattern: str, value: str) -> bool:
    """Remembered, since alerts share values: 50 inhibition rules over 5,000 alerts take 0.5 s instead of 2.7."""
    return _compile(pattern).fullmatch(_make_encodable(value)) is not None


@lru_cache(maxsize=4096)
def _compile(pattern: str) -> Any:
    """The compiled RE2 expression, to be used with `fullmatch`: linear in time, whatever the pattern."""
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0] if error.args else error
        words = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise MatcherInvalid(f"“{pattern}” is no regular expression: {words}.") from error
