"""Who does something: a person in the admin, or a program with a key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from config.api.authentication import KeyGrant


@dataclass(frozen=True, slots=True)
class Actor:
    """Name for people to read, and the user's id if it is a person."""

    name: str
    user_id: int | None = None


def actor_of_user(user: Any) -> Actor:
    """Return a logged-in person."""
    return Actor(name=user.get_full_name() or user.get_username(), user_id=user.pk)


def actor_of_key(grant: KeyGrant) -> Actor:
    """Return the program that holds a key."""
    return Actor(name=f"key {grant.key_id} of {grant.application_slug}")


#: The product itself.
SYSTEM = Actor(name="Postlaunch")
