"""Looking at targets: one look, bounded in time and size, at addresses that may be reached."""

from __future__ import annotations
