"""The admin site."""

from __future__ import annotations

from unfold.sites import UnfoldAdminSite


class PostlaunchAdminSite(UnfoldAdminSite):
    """The support team's workplace."""

    site_title = "Postlaunch"
    site_header = "Postlaunch"
    index_title = "Home"
