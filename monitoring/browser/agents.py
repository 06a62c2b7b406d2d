"""What a browser says of itself in its User-Agent: its name, system and kind of device. Pure; the table is the library's."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import ua_parser

MAX_AGENT = 500


@dataclass(frozen=True, slots=True)
class Agent:
    """Names as people know them; empty where the text does not say. `device`: desktop, mobile or tablet."""

    browser: str = ""
    os: str = ""
    device: str = ""


@lru_cache(maxsize=2048)
def read_agent(text: str) -> Agent:
    """Return what a User-Agent says. The same few texts come again and again, so they are remembered."""
    if not text:
        return Agent()
    found = ua_parser.parse(text[:MAX_AGENT])
    browser = found.user_agent.family if found.user_agent else ""
    return Agent(_short(browser), _short(found.os.family if found.os else ""), _find_device(text))


def _find_device(text: str) -> str:
    if "iPad" in text or ("Android" in text and "Mobile" not in text) or "Tablet" in text:
        return "tablet"
    return "mobile" if "Mobi" in text else "desktop"


def _short(text: str) -> str:
    return "" if text == "Other" else text.removesuffix(" Mobile WebView")[:32]
