"""Charts of metrics: what is drawn, and the data they draw."""

from __future__ import annotations
