"""Template tags every room uses."""

from __future__ import annotations
