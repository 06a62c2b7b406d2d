"""OTLP over HTTP, what OpenTelemetry's SDKs and Collector send: protobuf and JSON, answered in the same type.

`wire` takes a request apart into groups of items, `values` reads attributes, `answers` writes what clients read, `doors`
makes views of functions that take groups. Each signal has a module of its own that reads its items.
"""

from __future__ import annotations
