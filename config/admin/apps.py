"""Makes the project's admin site Django's default one."""

from __future__ import annotations

from importlib import import_module

from django.contrib.admin.apps import AdminConfig


class PostlaunchAdminConfig(AdminConfig):
    """Django's admin with the project's site: home made of panels, sidebar by task."""

    default_site = "config.admin.site.PostlaunchAdminSite"

    def ready(self) -> None:
        """Load every room's `admin` module, then the kernel's, whose package has another job."""
        super().ready()
        import_module("config.admin.registrations")
