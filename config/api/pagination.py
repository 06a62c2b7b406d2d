"""Lists come in pages with a cursor: stable while rows arrive, and no count of a table that grows."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from rest_framework import exceptions, pagination

from config.api.errors import ParameterInvalid


class CursorPagination(pagination.CursorPagination):
    """Newest first; `page_size` up to 500. Raises ParameterInvalid for a cursor that is not one of ours."""

    ordering: str | tuple[str, ...] = "-id"
    page_size_query_param = "page_size"
    max_page_size = 500

    def paginate_queryset(self, *args: Any, **kwargs: Any) -> Any:
        """Return one page. A cursor may be unreadable, or readable and name no place in this list."""
        try:
            return super().paginate_queryset(*args, **kwargs)
        except (exceptions.NotFound, ValidationError, ValueError, TypeError) as error:
            if self.cursor_query_param not in args[1].query_params:
                raise
            raise ParameterInvalid(
                "Take the cursor from `next` or `previous` of another page.",
                errors=[{"field": self.cursor_query_param, "detail": "It is not one of ours."}],
            ) from error
