"""On call: who is reached when, by rotations, overrides and calendars."""

from __future__ import annotations
