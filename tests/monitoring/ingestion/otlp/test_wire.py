"""Export requests taken apart, whatever they hold."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from monitoring.ingestion.otlp import wire
from monitoring.ingestion.otlp.values import MAX_DEPTH, read_message_attributes
from monitoring.ingestion.otlp.wire import TRACES, ExportInvalid, ExportTooLarge, read_groups

JSON_EXPORT: dict[str, Any] = {
    "resourceSpans": [
        {
            "resource": {
                "attributes": [
                    {"key": "service.name", "value": {"stringValue": "erp"}},
                    {"key": "process.pid", "value": {"intValue": "41"}},
                    {"key": "load", "value": {"doubleValue": 0.5}},
                    {"key": "args", "value": {"arrayValue": {"values": [{"stringValue": "a"}, {"boolValue": True}]}}},
                    {"key": "odd", "value": {"futureValue": 1}},
                ],
                "entityRefs": [],
            },
            "scopeSpans": [
                {"scope": {"name": "lib", "version": "1"}, "spans": [{"name": "a"}, {"name": "b"}], "schemaUrl": "x"},
                {"spans": None},
            ],
        }
    ],
    "somethingNew": {"a": [1]},
}


def make_export() -> ExportTraceServiceRequest:
    """Return two resources with a scope each."""
    export = ExportTraceServiceRequest()
    for name in ("erp", "shop"):
        resource = export.resource_spans.add()
        resource.resource.attributes.add(key="service.name", value=AnyValue(string_value=name))
        scope = resource.scope_spans.add()
        scope.scope.name = "lib"
        scope.spans.add(name=f"{name}-1")
        scope.spans.add(name=f"{name}-2")
    return export


def test_read_groups__protobuf__items_stand_under_their_resource() -> None:
    groups = read_groups(make_export().SerializeToString(), TRACES, is_json=False)
    found = [(group.resource, group.scope, [Span.FromString(item).name for item in group.items]) for group in groups]
    assert found == [
        ({"service.name": "erp"}, "lib", ["erp-1", "erp-2"]),
        ({"service.name": "shop"}, "lib", ["shop-1", "shop-2"]),
    ]


def test_read_groups__json__unknown_members_and_null_are_passed_over() -> None:
    first, second = read_groups(json.dumps(JSON_EXPORT).encode(), TRACES, is_json=True)
    assert first.resource == {"service.name": "erp", "process.pid": 41, "load": 0.5, "args": ["a", True], "odd": None}
    assert (first.scope, first.scope_version) == ("lib", "1")
    assert [json.loads(item)["name"] for item in first.items] == ["a", "b"]
    assert second.items == []


@pytest.mark.parametrize(("body", "is_json"), [(b"", False), (b"{}", True), (b'{"resourceSpans": []}', True)])
def test_read_groups__nothing__is_no_error(body: bytes, is_json: bool) -> None:
    assert read_groups(body, TRACES, is_json=is_json) == []


@pytest.mark.parametrize("is_json", [False, True])
def test_read_groups__cut_at_any_byte__is_read_or_refused(is_json: bool) -> None:
    body = json.dumps(JSON_EXPORT).encode() if is_json else make_export().SerializeToString()
    refused = 0
    for end in range(len(body)):
        try:
            read_groups(body[:end], TRACES, is_json=is_json)
        except ExportInvalid:
            refused += 1
    assert refused == len(body) if is_json else refused >= len(body) - 3


@given(st.binary(max_size=300), st.booleans())
def test_read_groups__any_bytes__read_or_refused(body: bytes, is_json: bool) -> None:
    try:
        groups = read_groups(body, TRACES, is_json=is_json)
    except (ExportInvalid, ExportTooLarge):
        return
    assert sum(len(group.items) for group in groups) <= len(body)


@pytest.mark.parametrize(
    ("body", "is_json"),
    [
        # Millions of empty items, resources, unknown fields: small on the wire, huge as objects.
        (b"\x0a\x80\xb5\x18" + b"\x12\xfc\xb4\x18" + b"\x12\x00" * 199_998, False),
        (b"\x0a\x00" * 100_000, False),
        (b"\x18\x01" * 1_000_000, False),
        (b'{"resourceSpans":[' + b"{}," * 500_000 + b"{}]}", True),
        (b'{"a":' + b"[" * 2_000_000, True),
        (b'{"resourceSpans":[{"scopeSpans":[{"spans":[' + b"{}," * 30_000 + b"{}]}]}]}", True),
    ],
)
def test_read_groups__bombs__are_too_large_or_broken(body: bytes, is_json: bool) -> None:
    with pytest.raises((ExportTooLarge, ExportInvalid)):
        read_groups(body, TRACES, is_json=is_json)


def test_read_groups__deep_json__is_refused() -> None:
    with pytest.raises(ExportInvalid):
        read_groups(b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", TRACES, is_json=True)


def test_read_groups__an_oversized_item__is_left_out_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MAX_ITEM_BYTES", 12)
    export = make_export()
    export.resource_spans[0].scope_spans[0].spans.add(name="x" * 50)
    first, second = read_groups(export.SerializeToString(), TRACES, is_json=False)
    assert (len(first.items), first.oversized, second.oversized) == (2, 1, 0)


def test_read_message_attributes__nested_deeply__is_cut() -> None:
    value = AnyValue(int_value=1)
    for level in range(MAX_DEPTH + 5):
        inner = ArrayValue(values=[value]) if level % 2 else None
        value = (
            AnyValue(array_value=inner)
            if inner
            else AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key="k", value=value)]))
        )
    found: Any = read_message_attributes([KeyValue(key="deep", value=value)])["deep"]
    depth = 0
    while not isinstance(found, str):
        found = found[0] if isinstance(found, list) else found["k"]
        depth += 1
    assert (found, depth) == ("…", MAX_DEPTH)
