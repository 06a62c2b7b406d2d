"""The shape of the document: bytes to JSON, lists in one or several pages, fields of the right type, each with its path. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from alerts.chains.records import MAX_BYTES, ChainFileInvalid, Remark

MAX_ERRORS = 100
MAX_TEXT = 1000
_CLOCK = re.compile(r"(?P<clock>(?:[01]\d|2[0-3]):[0-5]\d)(?::(?P<seconds>[0-5]\d)(?:\.\d+)?)?(?:Z|\+00:00)?", re.ASCII)

Item = Mapping[str, Any]


class TooManyErrors(Exception):
    """Reading goes no further."""


class Errors:
    """What is wrong with the document, up to MAX_ERRORS."""

    def __init__(self) -> None:
        self.found: list[Remark] = []

    def add(self, path: str, message: str) -> None:
        """Note an error; raise TooManyErrors when there are enough."""
        self.found.append(Remark(path, message))
        if len(self.found) >= MAX_ERRORS:
            raise TooManyErrors


def decode_chains(data: bytes) -> object:
    """Return the JSON of a document; raise ChainFileInvalid for what is too long or is none."""
    if len(data) > MAX_BYTES:
        message = f"It has more than {MAX_BYTES:,} bytes, which is all that is read. Leave out chains, or import them in parts."
        raise ChainFileInvalid([Remark("", message)])
    text = data.removeprefix(b"\xef\xbb\xbf")
    if not text.strip():
        raise ChainFileInvalid([Remark("", "It is empty. Paste or choose the document that the commands collected.")])
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ChainFileInvalid([Remark("", f"This is not JSON: {error}.")]) from error
    except RecursionError as error:
        raise ChainFileInvalid([Remark("", "This is nested too deeply.")]) from error


def list_items(document: Item, name: str, errors: Errors, *, required: bool = False) -> Iterator[tuple[str, Item]]:
    """Yield the path and the fields of everything in one of OnCall's lists: a plain one, one answer, or a list of answers."""
    value = document.get(name)
    if value is None:
        if required:
            errors.add(name, f"This list is missing. Put in what /api/v1/{name}/ answers.")
        return
    if isinstance(value, dict):
        yield from _list_page(name, value, errors, is_last=True)
    elif not isinstance(value, list):
        errors.add(name, "A list must stand here, or what OnCall answers, with “results”.")
    else:
        pages = {place for place, each in enumerate(value) if isinstance(each, dict) and "results" in each}
        last = max(pages, default=None)
        for place, each in enumerate(value):
            path = f"{name}[{place}]"
            if place in pages:
                yield from _list_page(path, each, errors, is_last=place == last)
            else:
                yield from _check_item(path, each, errors)


def read_text(item: Item, path: str, name: str, errors: Errors, *, required: bool = False) -> str:
    """Return a text without blanks around it; empty if nothing stands there, or something wrong."""
    value = item.get(name)
    if value is None and not required:
        return ""
    return _check_text(value, f"{path}.{name}", errors, required=required)


def read_texts(item: Item, path: str, name: str, errors: Errors, *, most: int) -> tuple[str, ...]:
    """Return a list of `most` texts at most, each once; empty if nothing stands there, or too many."""
    value = item.get(name)
    if value is None:
        return ()
    if not isinstance(value, list):
        errors.add(f"{path}.{name}", "A list of texts must stand here.")
        return ()
    if len(value) > most:
        errors.add(f"{path}.{name}", f"{most:,} are taken at most here. Divide them among several steps.")
        return ()
    found = [_check_text(each, f"{path}.{name}[{place}]", errors, required=True) for place, each in enumerate(value)]
    return tuple(dict.fromkeys(text for text in found if text))


def read_number(item: Item, path: str, name: str, errors: Errors, *, most: int) -> int | None:
    """Return a whole number of 0 to `most`; None if nothing stands there, or something wrong."""
    value = item.get(name)
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        errors.add(f"{path}.{name}", f"A whole number from 0 to {most:,} must stand here.")
        return None
    return value


def read_clock(item: Item, path: str, name: str, errors: Errors) -> str:
    """Return a time of day in UTC as HH:MM, without its seconds; empty if nothing stands there."""
    text = read_text(item, path, name, errors)
    if not text:
        return ""
    match = _CLOCK.fullmatch(text)
    if match is None:
        errors.add(f"{path}.{name}", "A time in UTC like 09:00:00Z must stand here.")
        return ""
    return match["clock"]


def read_flag(item: Item, path: str, name: str, errors: Errors) -> bool:
    """Return true or false; false if nothing stands there."""
    value = item.get(name)
    if value is not None and not isinstance(value, bool):
        errors.add(f"{path}.{name}", "true or false must stand here.")
    return value is True


def _list_page(path: str, page: Item, errors: Errors, *, is_last: bool) -> Iterator[tuple[str, Item]]:
    results = page.get("results")
    if not isinstance(results, list):
        errors.add(f"{path}.results", "A list must stand here.")
        return
    for place, each in enumerate(results):
        yield from _check_item(f"{path}.results[{place}]", each, errors)
    if is_last and page.get("next"):
        message = "OnCall has further pages of this list. Put in all of them, as a list of its answers."
        errors.add(f"{path}.next", message)


def _check_item(path: str, each: object, errors: Errors) -> Iterator[tuple[str, Item]]:
    if isinstance(each, dict):
        yield path, each
    else:
        errors.add(path, "A JSON object must stand here.")


def _check_text(value: object, path: str, errors: Errors, *, required: bool) -> str:
    if not isinstance(value, str) or (required and not value.strip()):
        errors.add(path, "A text must stand here.")
    elif "\0" in value:
        errors.add(path, "The character NUL can't be kept.")
    elif len(value) > MAX_TEXT:
        errors.add(path, f"A text of at most {MAX_TEXT:,} characters must stand here.")
    else:
        return value.strip()
    return ""
