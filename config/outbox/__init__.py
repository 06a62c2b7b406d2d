"""Events between rooms: rows written with the change they tell of, handed to each subscriber exactly once."""

from __future__ import annotations
