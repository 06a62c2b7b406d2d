"""REST: how pages do."""

from __future__ import annotations
