"""Writing checks: wishes, results, pings, windows."""

from __future__ import annotations
