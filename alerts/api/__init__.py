"""REST: rules and alerts, and Prometheus' view of both."""

from __future__ import annotations
