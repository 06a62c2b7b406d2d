"""Errors in the admin: the queue of issues and the page of one."""

from __future__ import annotations

from monitoring.errors.admin import issues, queue

__all__ = ["issues", "queue"]
