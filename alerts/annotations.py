"""Templates of annotations and labels: Prometheus' spelling of values and a few functions, and nothing that runs.

    {{ $labels.host }}   {{ $value }}   {{ $value | humanizePercentage }}   {{ printf "%.1f" $value }}

A template is text with actions in double braces. An action is a pipeline: what each step makes is the last argument of
the next. Source: Prometheus 2.42, "Template reference"; Go's text/template for trimming (`{{-`, `-}}`) and strings.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from alerts.formatting import FUNCTIONS, BadArgument, Value, check_format, show_value

MAX_TEMPLATE_LENGTH = 4000

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<string>"(?:[^"\\\n]|\\.)*"|`[^`]*`)
      | (?P<label>(?:\$labels|\.Labels)\.[a-zA-Z_][a-zA-Z0-9_]*)
      | (?P<value>\$value\b|\.Value\b)
      | (?P<word>\$[a-z_]+\b)
      | (?P<number>-?\d+(?:\.\d+)?(?![\w.]))
      | (?P<pipe>\|)
      | (?P<name>[a-zA-Z_][a-zA-Z0-9_]*)
    )""",
    re.VERBOSE,
)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\"}


class TemplateError(Exception):
    """A template that can't be used. `position` is the offset of the character where it goes wrong."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.message = message
        self.position = position


@dataclass(frozen=True, slots=True)
class Term:
    """One word of an action: a label's name, the value, a name that the caller knows, or something written out."""

    kind: str
    content: Value


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a pipeline: a function with its arguments, or (function None) one term by itself."""

    function: str | None
    terms: tuple[Term, ...]


Pipeline = tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Template:
    """A template that was read: pieces of text and pipelines, in order."""

    parts: tuple[str | Pipeline, ...]

    def render(self, *, labels: Mapping[str, str], value: float, words: Mapping[str, Value] | None = None) -> str:
        """Return the text for one alert. A label that it lacks is empty; a function that can't work says so in place.

        `words` are the values of the names that it was parsed with.
        """
        known = words or {}
        return "".join(part if isinstance(part, str) else _run(part, labels, value, known) for part in self.parts)


@lru_cache(maxsize=4096)
def parse_template(text: str, names: tuple[str, ...] = ()) -> Template:
    """Read a template; raise TemplateError, whose message names what is not known, if it can't be used.

    `names` are words beside `$value` and `$labels` that it may use, like `$link`.
    """
    if len(text) > MAX_TEMPLATE_LENGTH:
        raise TemplateError(f"The text is longer than {MAX_TEMPLATE_LENGTH} characters.", MAX_TEMPLATE_LENGTH)
    parts: list[str | Pipeline] = []
    position, trims = 0, False
    while (start := text.find("{{", position)) >= 0:
        end = _find_end(text, start)
        inner_start, inner_end, before, after = _trim(text, start + 2, end)
        literal = text[position:start].lstrip() if trims else text[position:start]
        parts += [literal.rstrip() if before else literal, _parse_action(text, inner_start, inner_end, names)]
        position, trims = end + 2, after
    parts.append(text[position:].lstrip() if trims else text[position:])
    return Template(tuple(part for part in parts if part))


def render_template(text: str, *, labels: Mapping[str, str], value: float) -> str:
    """Read and render; raise TemplateError."""
    return parse_template(text).render(labels=labels, value=value)


def _find_end(text: str, start: int) -> int:
    """Return where the action's closing braces stand, past those inside its strings."""
    for match in re.finditer(r"""\}\}|"(?:[^"\\\n]|\\.)*"|`[^`]*`""", text[start:]):
        if match.group() == "}}":
            return start + match.start()
    raise TemplateError("“{{” is not closed by “}}”.", start)


def _trim(text: str, start: int, end: int) -> tuple[int, int, bool, bool]:
    """Return the action's bounds without trim marks, and whether blanks before and after it are dropped."""
    before = text.startswith("-", start) and text[start + 1 : start + 2].isspace()
    after = end - start >= 2 and text[end - 1] == "-" and text[end - 2].isspace()
    return start + before, end - after, before, after


def _parse_action(text: str, start: int, end: int, names: tuple[str, ...]) -> Pipeline:
    steps: list[list[tuple[Term, int]]] = [[]]
    position = start
    while text[position:end].strip():
        match = _TOKEN.match(text, position, end)
        if match is None or (match.lastgroup == "word" and match.group("word")[1:] not in names):
            blanks = len(text[position:end]) - len(text[position:end].lstrip())
            raise TemplateError(_describe_unknown(text[position:end].strip(), names), position + blanks)
        kind = str(match.lastgroup)
        if kind == "name" and match.group(kind) not in FUNCTIONS:
            known = ", ".join(sorted(FUNCTIONS))
            message = f"There is no function “{match.group(kind)}”. Known are {known}."
            raise TemplateError(message, match.start(kind))
        if kind == "pipe":
            steps.append([])
        else:
            steps[-1].append((_read_term(kind, match.group(kind)), match.start(kind)))
        position = match.end()
    return tuple(_read_step(step, index > 0, start) for index, step in enumerate(steps))


def _read_term(kind: str, text: str) -> Term:
    if kind == "label":
        return Term(kind, text.rpartition(".")[2])
    if kind == "word":
        return Term(kind, text[1:])
    if kind == "string":
        inner = text[1:-1]
        plain = inner if text[0] == "`" else re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[0]), inner)
        return Term(kind, plain)
    return Term(kind, float(text) if kind == "number" else text)


def _read_step(words: Sequence[tuple[Term, int]], is_piped: bool, start: int) -> Step:
    if not words:
        raise TemplateError("There is nothing between “{{”, “|” and “}}”.", start)
    (first, position), rest = words[0], words[1:]
    for term, place in rest:
        if term.kind == "name":
            raise TemplateError(f"“{term.content}” can't stand here: put “|” before a function.", place)
    if first.kind != "name":
        if rest or is_piped:
            raise TemplateError("Only a function can take an argument.", position)
        return Step(None, (first,))
    name = str(first.content)
    wanted, given = FUNCTIONS[name].arity, len(rest) + is_piped
    if given < wanted[0] or (wanted[1] is not None and given > wanted[1]):
        raise TemplateError(f"“{name}” can't take {given} arguments.", position)
    terms = tuple(term for term, _ in rest)
    if name == "printf":
        _check_printf(terms, given, position)
    return Step(name, terms)


def _check_printf(terms: Sequence[Term], given: int, position: int) -> None:
    """Formats are checked when written, so that they can't fail in the middle of the night."""
    if not terms or terms[0].kind != "string":
        raise TemplateError("printf needs its format in quotes first.", position)
    try:
        check_format(str(terms[0].content), given - 1)
    except BadArgument as error:
        raise TemplateError(f"printf: {error}.", position) from error


def _describe_unknown(text: str, names: tuple[str, ...]) -> str:
    word = text.split()[0]
    if word.startswith("$"):
        known = ", ".join(("$value", *(f"${name}" for name in names)))
        return f"“{word}” is not known. Known are {known} and $labels.<name>."
    return f"“{word}” can't be used here. Known are $value, $labels.<name>, text in quotes and functions."


def _run(pipeline: Pipeline, labels: Mapping[str, str], value: float, words: Mapping[str, Value]) -> str:
    carried: list[Value] = []
    for step in pipeline:
        arguments = [_resolve(term, labels, value, words) for term in step.terms] + carried
        if step.function is None:
            carried = arguments
            continue
        try:
            carried = [FUNCTIONS[step.function].call(*arguments)]
        except BadArgument as error:
            return f"<{step.function}: {error}>"
    return show_value(carried[0])


def _resolve(term: Term, labels: Mapping[str, str], value: float, words: Mapping[str, Value]) -> Value:
    if term.kind == "word":
        return words.get(str(term.content), "")
    if term.kind == "label":
        return labels.get(str(term.content), "")
    return value if term.kind == "value" else term.content
