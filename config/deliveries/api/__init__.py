"""REST: what was told to whom, and telling it again."""

from __future__ import annotations
