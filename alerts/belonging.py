"""What belongs to one application is changed by its keys: nothing that is of others may lead there."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet

SHOWN_USERS = 3


def describe_strangers(what: str, *users: QuerySet[Any], application_id: int) -> str:
    """Return in words which rows name something that is to be one application's, and are not; empty if none is.

    `users` are the rows that name it, of any application; `what` is what they name, like “channel”.
    """
    others = [rows.exclude(Q(application_id=application_id)).order_by("pk")[: SHOWN_USERS + 1] for rows in users]
    names = [f"“{user.name}”" for rows in others for user in rows]
    if not names:
        return ""
    if len(names) == 1:
        return f"{names[0]} names this {what} and is not of this application alone."
    shown = [*names[:SHOWN_USERS], "others"] if len(names) > SHOWN_USERS else names
    return f"{', '.join(shown[:-1])} and {shown[-1]} name this {what} and are not of this application alone."
