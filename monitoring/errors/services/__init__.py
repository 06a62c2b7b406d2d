"""Writing errors: taking events in, digesting them, and what people do with issues."""

from __future__ import annotations
