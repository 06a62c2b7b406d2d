"""Benchmarks: whole-process figures, each beside a floor measured in the same run. They print and assert no time."""

from __future__ import annotations
