"""Releases: the versions of an ERP that were seen at work."""

from __future__ import annotations
