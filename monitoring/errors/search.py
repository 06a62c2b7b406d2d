"""What people type to find errors: words, and `name:value` for what an event carries. Pure.

    company:main release:2.1 user:ada@example.org "no such account"

`release`, `environment` and `user` mean what every event has, any other name is a tag. What stands in quotes is taken as it is,
so that a text with a colon can be looked for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from monitoring.errors.events import USER_NAMES, make_user_key

MAX_TERMS = 10
_TERM = re.compile(
    r"""(?P<name>[A-Za-z_][\w.-]{0,59}):(?!//)(?:"(?P<quoted>[^"]{1,200})"|(?P<value>[^\s"]{1,200}))(?=\s|$)"""
    r"""|"(?P<phrase>[^"]+)"|(?P<word>\S+)"""
)
_OWN = {"release": "release", "environment": "environment", "env": "environment", "user": "user"}


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for: all of it must be there. Empty texts: anything."""

    words: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    release: str = ""
    environment: str = ""
    user: str = ""

    @property
    def text(self) -> str:
        """Return the words as a framework's search takes them, phrases in quotes."""
        return " ".join(f'"{word}"' if " " in word else word for word in self.words)

    @property
    def user_keys(self) -> list[bytes]:
        """Return what the person may be known as: nobody says whether it is an id, an address or a name."""
        return list_user_keys(self.user)


def parse_search(text: str) -> Search:
    """Return what a text asks for; what makes no sense as a term is a word. Of two values for one name the last counts."""
    words: list[str] = []
    named: dict[str, str] = {}
    tags: dict[str, str] = {}
    for match in _TERM.finditer(text.replace("\x00", "")):
        name = match["name"]
        if name is None:
            words.append(match["phrase"] or match["word"])
        elif name in _OWN:
            named[_OWN[name]] = match["quoted"] or match["value"]
        elif len(tags) < MAX_TERMS:
            tags[name] = match["quoted"] or match["value"]
    return Search(words=tuple(words), tags=tuple(tags.items()), **named)


def list_user_keys(text: str) -> list[bytes]:
    """Return the keys of whoever is called so, whether that is an id, an e-mail address, a name or an IP address."""
    cleaned = text.strip()
    keys = (make_user_key({name: cleaned}) for name in USER_NAMES) if cleaned else ()
    return [key for key in keys if key is not None]
