"""Reading measurements: hours of many, and one page's story."""

from __future__ import annotations
