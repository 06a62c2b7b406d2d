"""REST: the application that a key belongs to."""

from __future__ import annotations
