"""Project package and kernel: settings, queues, and what every room shares. Imports no room."""

from __future__ import annotations
