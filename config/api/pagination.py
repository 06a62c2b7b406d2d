"""Lists come in pages with a cursor: stable while rows arrive, and no count of a table that grows."""

from __future__ import annotations

from rest_framework import pagination


class CursorPagination(pagination.CursorPagination):
    """Newest first; `page_size` up to 500."""

    ordering = "-id"
    page_size_query_param = "page_size"
    max_page_size = 500
