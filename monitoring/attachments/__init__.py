"""Files that clients send with an event: screenshots, logs, minidumps, whatever they call an attachment."""

from __future__ import annotations
