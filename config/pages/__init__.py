"""Pages and endpoints of the kernel: the front door, health, own metrics, API documentation."""

from __future__ import annotations
