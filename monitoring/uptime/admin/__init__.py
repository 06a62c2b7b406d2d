"""Uptime in the admin: checks (queue, case, editor) and maintenance windows."""

from __future__ import annotations

from monitoring.uptime.admin import cases, checks, trying, windows

__all__ = ["cases", "checks", "trying", "windows"]
