"""REST of releases."""

from __future__ import annotations
