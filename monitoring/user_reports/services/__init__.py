"""Keeping reports, finding the errors they are about, and letting old ones go."""

from __future__ import annotations
