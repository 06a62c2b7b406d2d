"""REST: checks, their results, and maintenance."""

from __future__ import annotations
