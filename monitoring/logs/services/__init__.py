"""Writing log lines and counting them."""

from __future__ import annotations
