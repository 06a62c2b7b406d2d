"""The admin's look: settings of django-unfold."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static


def _file(path: str) -> Any:
    def find(request: HttpRequest) -> str:
        return static(path)

    return find


#: Brand: petrol. It marks what can be done (buttons, links, where one is) and never how anything is: see states.py.
PETROL = {
    "50": "oklch(97.5% .012 210)",
    "100": "oklch(94% .03 208)",
    "200": "oklch(89% .055 208)",
    "300": "oklch(81% .085 208)",
    "400": "oklch(73% .105 210)",
    "500": "oklch(64% .105 213)",
    "600": "oklch(49% .092 216)",
    "700": "oklch(42% .08 218)",
    "800": "oklch(36% .067 220)",
    "900": "oklch(31% .055 222)",
    "950": "oklch(24% .045 225)",
}

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Postlaunch",
    "SITE_HEADER": "Postlaunch",
    "SITE_SYMBOL": "rocket_launch",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": _file("config/favicon.svg")}],
    "SITE_URL": None,
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "8px",
    "COLORS": {"primary": PETROL},
    "STYLES": [_file("vendor/uplot/uPlot.min.css"), _file("config/admin.css")],
    "SIDEBAR": {
        "show_search": False,
        "command_search": True,
        "show_all_applications": False,
        "navigation": "config.admin.sidebar.navigation",
    },
    # Named, not imported: the kernel imports no room.
    "GLOBAL_CALLBACK": "monitoring.applications.current.describe_switch",
    "COMMAND": {"search_models": False},
}
