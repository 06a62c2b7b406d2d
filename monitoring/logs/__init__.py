"""Logs: lines that programs write, searched, followed and counted."""

from __future__ import annotations
