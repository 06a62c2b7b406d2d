"""What a key may do: reading needs `read`, changing needs `write`, unless a view asks for another scope."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from config.api.authentication import KeyGrant, check_scope
from config.api.errors import KeyMissing

if TYPE_CHECKING:
    # For types only: DRF imports this module while it is still importing its views.
    from rest_framework.views import APIView

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class HasScope(BasePermission):
    """Check the scope of the request's key. A view names another scope in `required_scope`."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Return True, or raise KeyMissing or ScopeMissing."""
        if request.method == "OPTIONS":
            return True
        if not isinstance(request.auth, KeyGrant):
            raise KeyMissing
        default = "read" if request.method in SAFE_METHODS else "write"
        check_scope(request.auth, scope=getattr(view, "required_scope", None) or default)
        return True
