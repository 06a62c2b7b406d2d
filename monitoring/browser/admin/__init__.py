"""Pages: web vitals of an application, and of one of its pages."""

from __future__ import annotations

from monitoring.browser.admin import board, cases, exporting

__all__ = ["board", "cases", "exporting"]
