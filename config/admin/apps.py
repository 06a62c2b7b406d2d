"""Makes the project's admin site Django's default one."""

from __future__ import annotations

from django.contrib.admin.apps import AdminConfig


class PostlaunchAdminConfig(AdminConfig):
    """Django's admin with the project's site: home made of panels, sidebar by task."""

    default_site = "config.admin.site.PostlaunchAdminSite"
