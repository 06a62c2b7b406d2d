"""REST: requests, queries and traces."""

from __future__ import annotations
