"""The kernel's own lists, pages and panels in the admin. Loaded once all models are, because `config.admin` is loaded before them."""

from __future__ import annotations

from config.admin import boards, people, system, timetables
from config.deliveries import admin as deliveries_admin
from config.outbox import admin as outbox_admin

__all__ = ["boards", "deliveries_admin", "outbox_admin", "people", "system", "timetables"]
