"""Tables as CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence

from django.http import HttpResponse

#: A cell that begins so is a formula to a spreadsheet, and names come from whoever holds a public key.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def guard(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def make_csv(name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> HttpResponse:
    """Return a file to download; texts are guarded, None is an empty cell."""
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    writer = csv.writer(response)
    writer.writerow(header)
    for row in rows:
        writer.writerow([guard(cell) if isinstance(cell, str) else "" if cell is None else cell for cell in row])
    return response
