"""What Postlaunch measures of itself: shown at /metrics and recorded for the application of its own host."""

from __future__ import annotations
