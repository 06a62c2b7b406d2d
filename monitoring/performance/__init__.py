"""Performance: the requests an application answers, the database queries it makes, and how they hang together (traces)."""

from __future__ import annotations
