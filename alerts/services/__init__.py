"""The only writers of rules, channels and alerts."""

from __future__ import annotations
