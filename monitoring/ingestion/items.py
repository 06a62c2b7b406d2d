"""Items as plain JSON: one object, a list, or a list under a name. Each is read by itself. Pure.

One that makes no sense is refused by its index and field and leaves the others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import msgspec

from monitoring import lenient
from monitoring.ingestion.batches import Batch
from monitoring.lenient import BROKEN, MAX_PARTS, is_crowded, mend_halves

Read = TypeVar("Read")

MAX_ITEMS = 1_000
SHOWN_REFUSALS = 20


class ItemsMalformed(Exception):
    """A body that is none of the forms."""


class TooManyItems(Exception):
    """More than one body may bring."""


class ItemRefused(Exception):
    """Why one item is not taken: the field `name`, and a reason that reads on after it."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(reason)
        self.name, self.reason = name, reason


@dataclass(slots=True)
class ItemBatch:
    """What a body brought: the batch to store, how many are in it, and what was refused (index, field, reason)."""

    batch: Batch
    stored: int = 0
    refused: list[tuple[int, str, str]] = field(default_factory=list)

    def take(self, index: int, signal: str, read: Callable[[], Any]) -> None:
        """Add the record that `read` returns, or the refusal that it raises."""
        try:
            record = read()
        except ItemRefused as error:
            self.refused.append((index, error.name, error.reason))
            self.batch.account.add(signal, "refused")
        else:
            self.batch.add(record, signal=signal)
            self.stored += 1


def decode_json(body: bytes) -> Any:
    """Return what a body says. Raises ItemsMalformed, TooManyItems."""
    _check_parts(body)
    try:
        return lenient.decode_json(body)
    except BROKEN as error:
        raise ItemsMalformed(f"The body is not JSON: {error}") from error


def split_items(body: bytes, member: str, *, limit: int) -> list[bytes | msgspec.Raw]:
    """Return the items of a body, each unread: one object, {member: [...]} or a list. Raises ItemsMalformed, TooManyItems."""
    _check_parts(body)
    body = mend_halves(body)
    start = body.lstrip()[:1]
    many: list[bytes | msgspec.Raw]
    try:
        if start == b"[":
            many = list(msgspec.json.decode(body, type=list[msgspec.Raw]))
        elif start == b"{":
            found = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
            many = list(msgspec.json.decode(found[member], type=list[msgspec.Raw])) if member in found else [body]
        else:
            raise ItemsMalformed(f'Send a JSON object, or several as {{"{member}": [...]}}.')
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ItemsMalformed(f"The body is not the JSON of {member}: {error}") from error
    check_count(many, member, limit=limit)
    return many


def read_item(raw: bytes | msgspec.Raw, kind: type[Read], *, name: str, max_bytes: int) -> Read:
    """Return an item as a struct; `name` is what the item as a whole is called. Raises ItemRefused."""
    if len(memoryview(raw)) > max_bytes:
        raise ItemRefused(name, f"has more than {max_bytes} bytes")
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as problem:
        raise describe_mistake(problem, name) from None
    except BROKEN as problem:
        raise ItemRefused(name, f"can't be read: {problem}") from None


def describe_mistake(problem: msgspec.ValidationError, name: str) -> ItemRefused:
    """Return the refusal of an item of which a field is not what it must be."""
    reason, _, path = str(problem).partition(" - at `")
    field_name = path.removeprefix("$").removesuffix("`").strip(".") or name
    return ItemRefused(field_name, reason[:1].lower() + reason[1:])


def _check_parts(body: bytes) -> None:
    if is_crowded(body):
        raise TooManyItems(f"The body has more than {MAX_PARTS} objects, lists and members. Send smaller batches.")


def check_count(items: list[Any], member: str, *, limit: int = MAX_ITEMS) -> None:
    """Raise TooManyItems where there are more than one body may bring."""
    if len(items) > limit:
        raise TooManyItems(f"{len(items)} {member} in one body; at most {limit} are taken.")


def decode_items(
    body: bytes, *, member: str, signal: str, application_id: int, read: Callable[[dict[str, Any]], Any]
) -> ItemBatch:
    """Return the items of a body: one object, {member: [...]} or a list. Raises ItemsMalformed, TooManyItems."""
    found = decode_json(body)
    many = found.get(member, [found]) if isinstance(found, dict) else found
    if not isinstance(many, list):
        raise ItemsMalformed(f'Send a JSON object, or several as {{"{member}": [...]}}.')
    check_count(many, member)
    made = ItemBatch(Batch(application_id))
    for index, item in enumerate(many):
        made.take(index, signal, partial(_read_object, read, item))
    return made


def _read_object(read: Callable[[dict[str, Any]], Any], item: Any) -> Any:
    if not isinstance(item, dict):
        raise ItemRefused("record", "is not a JSON object")
    return read(item)
