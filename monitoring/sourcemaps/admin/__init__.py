"""Source maps in the admin: uploads, what is missing, and the files of one upload."""

from __future__ import annotations

from monitoring.sourcemaps.admin import bundles, cases

__all__ = ["bundles", "cases"]
