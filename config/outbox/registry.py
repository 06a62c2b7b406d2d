"""Who listens to what, and what each kind of event means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from config.outbox.models import Event

    Handler = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A handler under the name its receipts carry; the name is for good, the function may move."""

    type: str
    name: str
    handler: Handler


@dataclass(frozen=True, slots=True)
class EventDescription:
    """One kind of event for docs/events.md: when it is published and what its payload holds (member → meaning)."""

    type: str
    description: str
    payload: Mapping[str, str]


_subscribers: dict[str, dict[str, Subscriber]] = {}
_descriptions: dict[str, EventDescription] = {}


def subscribe(type: str, *, name: str) -> Callable[[Handler], Handler]:  # noqa: A002  (the contract's own word)
    """Register a handler for events of `type`; `name` is unique among them.

    The handler runs in a transaction together with its receipt: what it writes to the database happens exactly once per
    event. What it does elsewhere may happen twice after a crash, so it queues deliveries instead of sending. It raises to be
    tried again later. Raises ValueError for a name that is taken.
    """

    def register(handler: Handler) -> Handler:
        taken = _subscribers.setdefault(type, {})
        if name in taken and taken[name].handler is not handler:
            raise ValueError(f"two subscribers of {type} are named {name!r}")
        taken[name] = Subscriber(type=type, name=name, handler=handler)
        return handler

    return register


def unsubscribe(type: str, *, name: str) -> None:  # noqa: A002
    """Forget a handler; does nothing if there is none of that name."""
    _subscribers.get(type, {}).pop(name, None)


def describe_event(type: str, description: str, *, payload: Mapping[str, str]) -> None:  # noqa: A002
    """Document a kind of event; called beside the service that publishes it, or in `<room>/handlers.py`."""
    _descriptions[type] = EventDescription(type=type, description=description, payload=dict(payload))


def subscribers_of(type: str) -> tuple[Subscriber, ...]:  # noqa: A002
    """Return the handlers of a kind of event, by name."""
    found = _subscribers.get(type, {})
    return tuple(found[name] for name in sorted(found))


def described_events() -> tuple[EventDescription, ...]:
    """Return every documented kind of event, by type."""
    return tuple(_descriptions[type_] for type_ in sorted(_descriptions))
