"""Stacks as languages print them, read into frames. Pure, in linear time (RE2) over a bounded text.

Frames are those of an event document (`filename`, `lineno`, `function` ...), the outermost call first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import re2

MAX_LINES, MAX_LINE, MAX_FRAMES = 2_000, 1_000, 250
Frame = dict[str, Any]

#: Parts of paths and modules that are somebody else's code.
_FOREIGN = (
    "/vendor/", "/node_modules/", "site-packages/", "dist-packages/", "/gems/", "/pkg/mod/", "/usr/lib/", "/usr/local/go/",
    "/lib/python", "chrome-extension://", "moz-extension://", "safari-web-extension://", "node:", "internal/", "<internal:",
)  # fmt: skip
_FOREIGN_MODULES = (
    "java.", "javax.", "jakarta.", "jdk.", "sun.", "kotlin.", "scala.", "org.springframework.", "org.apache.", "org.hibernate.",
    "System.", "Microsoft.", "runtime.", "net/http.",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class StackText:
    """What a stack text says: its language (an event's `platform`; empty: none is known) and its frames."""

    platform: str = ""
    frames: tuple[Frame, ...] = ()


def _compile(pattern: str) -> re2._Regexp:
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)


_PHP = _compile(
    r"^#\d+ (?:\[internal function\]|(?P<file>[^\n]+?)\((?P<line>\d{1,9})\)): (?P<function>[^\n(]{1,300})(?:\(.*)?$"
)
_PHP_MAIN = _compile(r"^#\d+ \{main\}")
_PYTHON = _compile(r'^\s*File "(?P<file>[^"]{1,500})", line (?P<line>\d{1,9})(?:, in (?P<function>.{1,300}))?$')
_V8 = _compile(
    r"^\s*at (?:async )?(?:(?P<function>[^\n()]{1,300}?(?: \[as [^\]]{1,100}\])?) \()?(?P<file>[^\n]{1,800}?):(?P<line>\d{1,9}):(?P<column>\d{1,9})\)?$"
)
_GECKO = _compile(
    r"^\s*(?P<function>[^\n@]{0,300})@(?P<file>[^\n]{1,800}?):(?P<line>\d{1,9})(?::(?P<column>\d{1,9}))?$"
)
_JAVA = _compile(
    r"^\s*at (?P<function>[^\s()]{1,400})\((?:(?P<file>[^():\s]{1,200}\.(?:java|kt|scala|groovy|clj))(?::(?P<line>\d{1,9}))?|Native Method|Unknown Source|<generated>)\)"
)
_NET = _compile(
    r"^\s+at (?P<function>[^\n()]{1,400})\([^\n]*?\)(?: in (?P<file>[^\n]{1,500}):line (?P<line>\d{1,9}))?\s*$"
)
_GO_CALL = _compile(
    r"^(?:created by )?(?P<function>[\w./*()$-]{1,300}?\.[\w.()*·-]{1,200})(?:\([^\n]*\))?(?: in goroutine \d+)?$"
)
_GO_PLACE = _compile(r"^\t(?P<file>[^\n]{1,500}\.(?:go|s)):(?P<line>\d{1,9})(?: \+0x[0-9a-f]+)?$")
_RUBY = _compile(
    r"^\s*(?:from )?(?P<file>[^\n:]{1,500}):(?P<line>\d{1,9})(?::in [`'](?P<function>[^'\n]{1,300})')?(?::.*)?$"
)


def read_stack_text(text: str, *, path: str = "", line: int = 0) -> StackText:
    """Return the frames of the format that reads the most lines of a text; those of the reported exception only.

    `path` and `line` are where it was thrown, which PHP prints beside its trace and not in it.
    """
    lines = [line[:MAX_LINE] for line in text[: MAX_LINES * MAX_LINE].splitlines()[:MAX_LINES]]
    lines = _leave_out_causes(lines)
    best = StackText()
    for platform, read in _READERS:
        frames = read(lines)
        if platform == "php" and frames:
            frames = place_calls(_read_php_calls(lines), path=path, line=line)
        if len(frames) > len(best.frames):
            best = StackText(platform, tuple(frames[-MAX_FRAMES:]))
    return best


def is_own_code(*, path: str, module: str = "") -> bool:
    """Return whether a frame is the application's own code, as far as its place tells."""
    if module and module.startswith(_FOREIGN_MODULES):
        return False
    place = path.replace("\\", "/")
    return bool(place) and not any(part in place for part in _FOREIGN) and not place.startswith(("<", "["))


def make_frame(*, path: str = "", line: int = 0, column: int = 0, function: str = "", module: str = "") -> Frame:
    """Return a frame as an event document has it; what is not known is left out."""
    known = {
        "filename": path,
        "abs_path": path,
        "lineno": line,
        "colno": column,
        "function": function,
        "module": module,
    }
    return {**{name: value for name, value in known.items() if value}, "in_app": is_own_code(path=path, module=module)}


def place_calls(calls: list[Frame], *, path: str = "", line: int = 0) -> list[Frame]:
    """Return PHP's calls, the newest first, as frames, the outermost first.

    PHP names for each call where it was made and what was called; a frame says in which function a line stands, which is
    what the call before it (the next one in PHP's order) called. `path` and `line` are where it was thrown.
    """
    places = [(path, line)] if path else []
    places += [(str(call.get("file") or ""), int(call.get("line") or 0)) for call in calls]
    callees = [str(call.get("function") or "") for call in calls] + ["{main}"]
    if not path:
        callees = callees[1:]
    frames = [
        make_frame(path=at or "[internal function]", line=number, function=callee)
        for (at, number), callee in zip(places, callees, strict=False)
    ]
    return frames[::-1]


def _leave_out_causes(lines: list[str]) -> list[str]:
    """Return the lines before the first cause; Python prints causes first, so there the last one counts."""
    marks = ("The above exception was the direct cause", "During handling of the above exception")
    for place in range(len(lines) - 1, -1, -1):
        if lines[place].startswith(marks):
            return lines[place + 1 :]
    for place, line in enumerate(lines):
        if line.startswith(("Caused by:", " ---> ", "Next ")) or "--- End of inner exception" in line:
            return lines[:place] if place else lines
    return lines


def _read_php(lines: list[str]) -> list[Frame]:
    return place_calls(_read_php_calls(lines))


def _read_php_calls(lines: list[str]) -> list[Frame]:
    calls: list[Frame] = []
    for line in lines:
        if match := _PHP.match(line):
            file, number = match.group("file"), match.group("line")
            calls.append({"file": file or "", "line": _number(number), "function": match.group("function")})
        elif _PHP_MAIN.match(line):
            break
    return calls


def _read_python(lines: list[str]) -> list[Frame]:
    frames: list[Frame] = []
    for place, line in enumerate(lines):
        match = _PYTHON.match(line)
        if not match:
            continue
        frame = make_frame(
            path=match.group("file"),
            line=_number(match.group("line")),
            function=(match.group("function") or "").strip(),
        )
        following = lines[place + 1] if place + 1 < len(lines) else ""
        if following.startswith("    ") and not _PYTHON.match(following):
            frame["context_line"] = following.strip()
        frames.append(frame)
    return frames


def _read_each(expression: re2._Regexp) -> Callable[[list[str]], list[Frame]]:
    """Return a reader for formats with one call on each line, the newest first."""

    def read(lines: list[str]) -> list[Frame]:
        frames = []
        for line in lines:
            if match := expression.match(line):
                found = match.groupdict()
                frames.append(
                    make_frame(
                        path=(found.get("file") or "").strip(),
                        line=_number(found.get("line")),
                        column=_number(found.get("column")),
                        function=(found.get("function") or "").strip(),
                    )
                )
        return frames[::-1]

    return read


def _read_qualified(expression: re2._Regexp) -> Callable[[list[str]], list[Frame]]:
    """Return a reader for formats whose functions carry their class in front, the newest first."""

    def read(lines: list[str]) -> list[Frame]:
        frames = []
        for line in lines:
            if match := expression.match(line):
                module, _, function = match.group("function").strip().rpartition(".")
                path = match.group("file") or ""
                frame = make_frame(path=path, line=_number(match.group("line")), function=function, module=module)
                frame["in_app"] = is_own_code(path=path or "unknown", module=module)
                frames.append(frame)
        return frames[::-1]

    return read


def _read_go(lines: list[str]) -> list[Frame]:
    frames = []
    for above, line in pairwise(lines):
        place = _GO_PLACE.match(line)
        call = _GO_CALL.match(above) if place else None
        if place and call:
            path, name = place.group("file"), call.group("function")
            frame = make_frame(path=path, line=_number(place.group("line")), function=name)
            frame["in_app"] = is_own_code(path=path, module=name)
            frames.append(frame)
    return frames[::-1]


def _number(text: str | None) -> int:
    return int(text) if text else 0


#: In this order, where several read as many lines: the stricter ones first.
_READERS: tuple[tuple[str, Callable[[list[str]], list[Frame]]], ...] = (
    ("php", _read_php),
    ("python", _read_python),
    ("java", _read_qualified(_JAVA)),
    ("javascript", _read_each(_V8)),
    ("javascript", _read_each(_GECKO)),
    ("go", _read_go),
    ("csharp", _read_qualified(_NET)),
    ("ruby", _read_each(_RUBY)),
)
