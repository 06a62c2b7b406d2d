"""Errors in the admin: the queue of issues, the page of one, critical patterns."""

from __future__ import annotations

from monitoring.errors.admin import critical, issues, queue

__all__ = ["critical", "issues", "queue"]
