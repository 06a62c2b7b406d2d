"""Prometheus rule files: read into rules with a line for everything that is wrong, and written again. Pure.

What Prometheus has no place for stands in annotations that begin with `postlaunch_`. Mappings, limits and what is lost:
docs/alerts.md, "Rule files".
"""

from __future__ import annotations

from alerts.rulefiles.reading import decode_rule_file, read_rule_file
from alerts.rulefiles.records import (
    GROUP,
    MAX_BYTES,
    MAX_RULES,
    FileError,
    FileGroup,
    FileRule,
    FileWarning,
    RuleFile,
    RuleFileInvalid,
)
from alerts.rulefiles.writing import write_rule_file

__all__ = [
    "GROUP",
    "MAX_BYTES",
    "MAX_RULES",
    "FileError",
    "FileGroup",
    "FileRule",
    "FileWarning",
    "RuleFile",
    "RuleFileInvalid",
    "decode_rule_file",
    "read_rule_file",
    "write_rule_file",
]
