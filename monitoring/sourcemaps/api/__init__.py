"""REST of uploads of source maps."""

from __future__ import annotations
