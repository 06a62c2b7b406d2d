"""REST: issues."""

from __future__ import annotations
