"""What Postlaunch measures of itself, kept like any other metric: for the application of its own host."""

from __future__ import annotations

from monitoring.own_metrics import sources

__all__ = ["sources"]
