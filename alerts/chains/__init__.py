"""Escalation chains of Grafana OnCall, as its HTTP API answers them: read into steps of ours, with what has no place here. Pure.

How the document is collected, and which step becomes which: docs/alerts.md, "From Grafana OnCall".
"""

from __future__ import annotations

from alerts.chains.reading import read_chains
from alerts.chains.records import (
    MAX_BYTES,
    MAX_CHAINS,
    Chain,
    ChainFile,
    ChainFileInvalid,
    ChainStep,
    Remark,
    Target,
)
from alerts.chains.settling import find_misplaced
from alerts.chains.shapes import decode_chains

__all__ = [
    "MAX_BYTES",
    "MAX_CHAINS",
    "Chain",
    "ChainFile",
    "ChainFileInvalid",
    "ChainStep",
    "Remark",
    "Target",
    "decode_chains",
    "find_misplaced",
    "read_chains",
]
