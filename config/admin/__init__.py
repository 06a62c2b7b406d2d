"""The admin site and the base class every room's admin builds on."""

from __future__ import annotations
