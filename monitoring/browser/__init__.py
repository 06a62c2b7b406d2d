"""What pages feel like to the people who use them: web vitals, their script, their pages."""

from __future__ import annotations
