"""Spans of any protocol, as requests, queries, web vitals and pieces of a trace.

Protocols put what they read into `drafts`; `reading` decides by OpenTelemetry's names what each is, `cleaning` takes out
what is nobody's business.
"""

from __future__ import annotations
