"""REST: user reports."""

from __future__ import annotations
