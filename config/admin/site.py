"""The admin site."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import URLPattern
from unfold.sites import UnfoldAdminSite

from config.admin import home
from config.admin.pages import make_patterns


class PostlaunchAdminSite(UnfoldAdminSite):
    """The support team's workplace."""

    site_title = "Postlaunch"
    site_header = "Postlaunch"
    index_title = "Home"
    index_template = "admin/home.html"

    def extra_urls(self) -> list[URLPattern]:
        """Return the addresses of pages that are no model's."""
        return make_patterns(self.admin_view)

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """Show the home board."""
        response: TemplateResponse = super().index(request, {**home.describe_home(request), **(extra_context or {})})
        return response
