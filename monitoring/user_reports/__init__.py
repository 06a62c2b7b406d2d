"""What people said about something that went wrong, as widgets and crash dialogs send it."""

from __future__ import annotations
