"""What can go wrong with an embedded engine, in words that an operator can act on."""

from __future__ import annotations


class EngineError(Exception):
    """An embedded engine could not be prepared, started or stopped; the text says why and what to do."""


class DirectoryInUseError(EngineError):
    """Another process runs on the same DATA_DIR."""
