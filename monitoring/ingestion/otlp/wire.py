"""Export requests, from bytes to items that are still encoded. Pure.

The requests of all signals are built alike: resources hold scopes, scopes hold items (spans, log records, metrics). The frame
is walked here by hand: a library would make an object of each of the millions of empty messages that a hostile body can
hold, and one broken item would spoil the others. Items are bounded in number and size before anything of them is read.
Source: opentelemetry-proto, docs/specification.md and collector/*/v1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from monitoring.ingestion.otlp.values import JsonKeyValue, read_json_attributes, read_message_attributes
from monitoring.lenient import BROKEN, mend_halves

MAX_ITEMS = 20_000
MAX_GROUPS = 10_000
"""Resources and scopes together."""
MAX_FIELDS = 200_000
"""Fields around the items, known or not."""
MAX_BRACKETS = 1_000_000
"""Objects and lists of a JSON body."""
MAX_ITEM_BYTES = 1024 * 1024
MAX_HEAD_BYTES = 256 * 1024
"""A resource or a scope."""

_MAX_VARINT_BYTES = 10


class ExportInvalid(Exception):
    """The frame of a request is broken; nothing of it was read."""


class ExportTooLarge(Exception):
    """A request holds more than is read at once."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of export request. `signal` is what its items count as; `names` are the JSON members from outside in."""

    name: str
    signal: str
    names: tuple[str, str, str]


TRACES = Kind("traces", "spans", ("resourceSpans", "scopeSpans", "spans"))
LOGS = Kind("logs", "logs", ("resourceLogs", "scopeLogs", "logRecords"))
METRICS = Kind("metrics", "points", ("resourceMetrics", "scopeMetrics", "metrics"))


@dataclass(frozen=True, slots=True)
class Group:
    """The items of one scope of one resource, each still encoded as the request was.

    `oversized` counts those beyond MAX_ITEM_BYTES, which are left out.
    """

    resource: Mapping[str, Any]
    scope: str = ""
    scope_version: str = ""
    items: list[bytes] = field(default_factory=list)
    oversized: int = 0


def read_groups(body: bytes, kind: Kind, *, is_json: bool) -> list[Group]:
    """Return what a request holds. Raises ExportInvalid, ExportTooLarge."""
    return _JsonReader(kind).read(body) if is_json else _ProtobufReader().read(body)


class _Counted:
    """How much of a request was seen."""

    def __init__(self) -> None:
        self.items = self.groups = 0

    def count_group(self) -> None:
        self.groups += 1
        if self.groups > MAX_GROUPS:
            raise ExportTooLarge(f"more than {MAX_GROUPS} resources and scopes; send smaller batches")

    def count_item(self) -> None:
        self.items += 1
        if self.items > MAX_ITEMS:
            raise ExportTooLarge(f"more than {MAX_ITEMS} items; send smaller batches")


class _ProtobufReader(_Counted):
    """Walks the three layers by field numbers, which all signals share: 1 the head of a layer, 2 what is in it."""

    def __init__(self) -> None:
        super().__init__()
        self.fields = 0

    def read(self, body: bytes) -> list[Group]:
        groups: list[Group] = []
        for number, start, end in self._walk(body, 0, len(body)):
            if number == 1:
                self.count_group()
                self._read_resource(body, start, end, groups)
        return groups

    def _read_resource(self, body: bytes, start: int, end: int, groups: list[Group]) -> None:
        heads: list[bytes] = []
        scopes: list[tuple[int, int]] = []
        for number, inner, inner_end in self._walk(body, start, end):
            if number == 1:
                heads.append(body[inner:inner_end])
            elif number == 2:
                self.count_group()
                scopes.append((inner, inner_end))
        if scopes:
            message = _parse_head(Resource, heads, "resource")
            resource = read_message_attributes(message.attributes)
            groups += [self._read_scope(body, inner, inner_end, resource) for inner, inner_end in scopes]

    def _read_scope(self, body: bytes, start: int, end: int, resource: Mapping[str, Any]) -> Group:
        heads: list[bytes] = []
        items: list[bytes] = []
        oversized = 0
        for number, inner, inner_end in self._walk(body, start, end):
            if number == 1:
                heads.append(body[inner:inner_end])
            elif number == 2:
                self.count_item()
                if inner_end - inner > MAX_ITEM_BYTES:
                    oversized += 1
                else:
                    items.append(body[inner:inner_end])
        scope = _parse_head(InstrumentationScope, heads, "scope")
        return Group(resource, str(scope.name), str(scope.version), items, oversized)

    def _walk(self, body: bytes, place: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Yield (number, start, end) of each field of bytes between two places; pass over all others."""
        while place < end:
            self.fields += 1
            if self.fields > MAX_FIELDS + MAX_ITEMS:
                raise ExportTooLarge(f"more than {MAX_FIELDS} fields around its items; send smaller batches")
            tag, place = _read_varint(body, place, end)
            number, kind = tag >> 3, tag & 7
            if not number:
                raise ExportInvalid("a field has the number 0")
            if kind == 2:
                length, start = _read_varint(body, place, end)
                place = start + length
                if place > end:
                    raise ExportInvalid("the body ends within a field")
                yield number, start, place
            elif kind == 0:
                _, place = _read_varint(body, place, end)
            elif kind in {1, 5}:
                place += 8 if kind == 1 else 4
                if place > end:
                    raise ExportInvalid("the body ends within a field")
            else:
                raise ExportInvalid(f"wire type {kind} is not used by this protocol")


def _read_varint(body: bytes, place: int, end: int) -> tuple[int, int]:
    number = 0
    for shift in range(0, 7 * _MAX_VARINT_BYTES, 7):
        if place >= end:
            raise ExportInvalid("the body ends within a field")
        byte = body[place]
        place += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, place
    raise ExportInvalid("a number is longer than ten bytes")


def _parse_head(message: Any, parts: list[bytes], name: str) -> Any:
    # Several parts of one message are one message: laid end to end they parse as such.
    data = b"".join(parts)
    if len(data) > MAX_HEAD_BYTES:
        raise ExportTooLarge(f"a {name} takes more than {MAX_HEAD_BYTES} bytes")
    try:
        return message.FromString(data)
    except DecodeError:
        raise ExportInvalid(f"a {name} is not valid protobuf") from None


class _JsonHead(msgspec.Struct):
    """A resource or a scope."""

    attributes: list[JsonKeyValue] | None = None
    name: str | None = None
    version: str | None = None


_object_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_list_decoder = msgspec.json.Decoder(list[msgspec.Raw])
_head_decoder = msgspec.json.Decoder(_JsonHead)


class _JsonReader(_Counted):
    """Walks the three layers by the names that a kind has for them."""

    def __init__(self, kind: Kind) -> None:
        super().__init__()
        self.kind = kind

    def read(self, body: bytes) -> list[Group]:
        # Counted first: what a decoder makes of a bracket takes fifty times its space.
        if body.count(b"{") + body.count(b"[") > MAX_BRACKETS:
            raise ExportTooLarge(f"more than {MAX_BRACKETS} objects and lists; send smaller batches")
        body = mend_halves(body)
        resources, scopes, items = self.kind.names
        groups: list[Group] = []
        for raw in _members(_object(body, "the body"), resources):
            self.count_group()
            layer = _object(raw, resources)
            found = _members(layer, scopes)
            if found:
                resource = read_json_attributes(_read_json_head(layer, "resource").attributes)
                groups += [self._read_scope(_object(each, scopes), items, resource) for each in found]
        return groups

    def _read_scope(self, layer: dict[str, msgspec.Raw], name: str, resource: Mapping[str, Any]) -> Group:
        self.count_group()
        scope = _read_json_head(layer, "scope")
        items: list[bytes] = []
        oversized = 0
        for raw in _members(layer, name):
            self.count_item()
            data = bytes(raw)
            if len(data) > MAX_ITEM_BYTES:
                oversized += 1
            else:
                items.append(data)
        return Group(resource, scope.name or "", scope.version or "", items, oversized)


def _object(raw: bytes | msgspec.Raw, name: str) -> dict[str, msgspec.Raw]:
    try:
        return _object_decoder.decode(raw)
    except BROKEN as error:
        raise ExportInvalid(f"{name}: {_explain(error)}") from None


def _members(layer: dict[str, msgspec.Raw], name: str) -> list[msgspec.Raw]:
    raw = layer.get(name)
    if raw is None or bytes(raw) == b"null":
        return []
    try:
        return _list_decoder.decode(raw)
    except BROKEN as error:
        raise ExportInvalid(f"{name}: {_explain(error)}") from None


def _read_json_head(layer: dict[str, msgspec.Raw], name: str) -> _JsonHead:
    raw = layer.get(name)
    if raw is None or bytes(raw) == b"null":
        return _JsonHead()
    if len(bytes(raw)) > MAX_HEAD_BYTES:
        raise ExportTooLarge(f"a {name} takes more than {MAX_HEAD_BYTES} bytes")
    try:
        return _head_decoder.decode(raw)
    except BROKEN as error:
        raise ExportInvalid(f"{name}: {_explain(error)}") from None


def _explain(error: Exception) -> str:
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
