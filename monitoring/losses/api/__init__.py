"""REST: the loss account."""

from __future__ import annotations
