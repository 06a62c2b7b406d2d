"""Keeping files."""

from __future__ import annotations
