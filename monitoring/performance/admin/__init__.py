"""Pages of performance."""

from __future__ import annotations

from monitoring.performance.admin import board, cases, requests, traces

__all__ = ["board", "cases", "requests", "traces"]
