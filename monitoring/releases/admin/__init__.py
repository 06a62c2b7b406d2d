"""Releases in the admin: the list, the page of one, announcing a deployment."""

from __future__ import annotations

from monitoring.releases.admin import cases, queue

__all__ = ["cases", "queue"]
