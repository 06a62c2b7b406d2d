"""REST: log lines."""

from __future__ import annotations
