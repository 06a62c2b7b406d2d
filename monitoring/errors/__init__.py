"""Errors: events as clients report them, grouped into issues that people deal with."""

from __future__ import annotations
