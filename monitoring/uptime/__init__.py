"""Uptime: checks from outside and signs of life from inside, and since when something is down."""

from __future__ import annotations
