"""The room in the admin."""

from __future__ import annotations

from incidents.admin import cases, incidents

__all__ = ["cases", "incidents"]
