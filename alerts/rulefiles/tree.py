"""YAML as a tree in which everything knows its line, read within bounds. Pure.

Built from the parser's events and not by its loader: a scalar stays the text that was written, duplicate keys stay visible,
and depth and size are bounded before anything is built. An alias stands for the part that its anchor named, and counts
as if that were written again, so that a few lines can't stand for millions.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml

from alerts.rulefiles.texts import judge_text

MAX_DEPTH = 20
"""libyaml's time grows with the square of the depth (250,000 open brackets take four minutes); a rule file has six levels."""
MAX_WEIGHT = 8 * 1024 * 1024
"""Characters of all texts plus NODE_WEIGHT for each part, aliases written out: what 2,000 full rules weigh."""
NODE_WEIGHT = 32

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_TAGS = frozenset({None, "!", "tag:yaml.org,2002:str", "tag:yaml.org,2002:seq", "tag:yaml.org,2002:map"})


class YAMLInvalid(Exception):
    """Text that is not YAML, or more of it than is read. `line` counts from 1."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


@dataclass(frozen=True, slots=True)
class Text:
    """A scalar, as it was written. `is_null`: nothing stands there, or `null`."""

    line: int
    text: str
    is_null: bool = False
    weight: int = NODE_WEIGHT


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    line: int
    items: tuple[Node, ...]
    weight: int = NODE_WEIGHT


@dataclass(frozen=True, slots=True)
class Fields:
    """A mapping: its keys and values, in order and with those that are there twice."""

    line: int
    pairs: tuple[tuple[Text, Node], ...]
    weight: int = NODE_WEIGHT


Node = Text | Items | Fields


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end was not read yet."""

    line: int
    is_mapping: bool
    anchor: str | None
    children: list[Node] = field(default_factory=list)
    weight: int = NODE_WEIGHT


def read_tree(text: str) -> Node | None:
    """Return the tree of a text, None if it holds nothing; raise YAMLInvalid. Takes about a second for 1 MiB at worst."""
    _check_characters(text)
    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        raise _explain(error) from error
    except yaml.YAMLError as error:
        raise YAMLInvalid(1, f"This is not YAML: {error}") from error
    return builder.root


class _Builder:
    """Puts nodes together; one for each text."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self.open: list[_Open] = []
        self.anchors: dict[str, Node] = {}
        self.total = 0

    def take(self, event: Any) -> None:
        """Take the next event of the parser; raise YAMLInvalid for what is not read."""
        line = event.start_mark.line + 1
        match event:
            case yaml.ScalarEvent():
                _check_tag(event.tag, line)
                is_null = event.style is None and event.tag is None and event.value in _NULLS
                if problem := judge_text(event.value):
                    raise YAMLInvalid(line, problem)
                self._place(Text(line, event.value, is_null, NODE_WEIGHT + len(event.value)), event.anchor, line)
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                _check_tag(event.tag, line)
                if len(self.open) >= MAX_DEPTH:
                    raise YAMLInvalid(line, f"This is nested deeper than {MAX_DEPTH} levels.")
                self.open.append(_Open(line, isinstance(event, yaml.MappingStartEvent), event.anchor))
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                done = self.open.pop()
                self._place(_close(done), done.anchor, line)
            case yaml.AliasEvent():
                if event.anchor not in self.anchors:
                    raise YAMLInvalid(line, f"“*{event.anchor}” stands for an anchor that is not complete above it.")
                self._place(self.anchors[event.anchor], None, line)
            case yaml.DocumentStartEvent() if self.root is not None:
                raise YAMLInvalid(line, "A second document begins here; a rule file has one.")

    def _place(self, node: Node, anchor: str | None, line: int) -> None:
        """Put a node where it stands."""
        if anchor is not None:
            self.anchors[anchor] = node
        if not self.open:
            self.root = node
            return
        parent = self.open[-1]
        parent.children.append(node)
        parent.weight += node.weight
        # Bounds what is open as well: parents get the weight of their children only when these end.
        if sum(one.weight for one in self.open) > MAX_WEIGHT:
            raise YAMLInvalid(line, "The file holds too much, its aliases written out.")


def _close(done: _Open) -> Node:
    if not done.is_mapping:
        return Items(done.line, tuple(done.children), done.weight)
    keys, values = done.children[::2], done.children[1::2]
    pairs = []
    for key, value in zip(keys, values, strict=True):
        if not isinstance(key, Text):
            raise YAMLInvalid(key.line, "A list or mapping can't be the name of a field.")
        pairs.append((key, value))
    return Fields(done.line, tuple(pairs), done.weight)


def _check_tag(tag: str | None, line: int) -> None:
    if tag not in _TAGS:
        raise YAMLInvalid(line, f"The tag “{tag}” can't be used here.")


def _check_characters(text: str) -> None:
    """The parser gives no line for these."""
    found = yaml.reader.Reader.NON_PRINTABLE.search(text)
    if found is not None:
        line = text.count("\n", 0, found.start()) + 1
        raise YAMLInvalid(line, f"The character U+{ord(found.group()):04X} can't stand in YAML.")


def _explain(error: yaml.MarkedYAMLError) -> YAMLInvalid:
    mark = error.problem_mark or error.context_mark
    line = 1 if mark is None else mark.line + 1
    context = f" {error.context}" if error.context else ""
    if error.context_mark is not None and error.context_mark.line + 1 != line:
        context += f", which begins in line {error.context_mark.line + 1}"
    return YAMLInvalid(line, f"This is not YAML: {error.problem}{context}.")
