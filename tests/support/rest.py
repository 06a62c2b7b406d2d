"""The REST API as a program with a key calls it."""

from __future__ import annotations

import json
from typing import Any

from django.test import Client

from monitoring.applications.enums import KeyKind, Scope
from monitoring.applications.models import Application
from monitoring.applications.services import issue_key


class Api:
    """A program with a key. Call it with a method, a path below /api/v1/ and what is sent as JSON."""

    def __init__(self, application: Application, *scopes: Scope) -> None:
        key = issue_key(application=application, kind=KeyKind.SECRET, scopes=list(scopes or Scope))
        self._headers = {"Authorization": f"Bearer {key.token}"}

    def __call__(self, method: str, path: str, body: Any = None) -> Any:
        return Client().generic(
            method,
            f"/api/v1/{path}",
            b"" if body is None else json.dumps(body),
            content_type="application/json",
            headers=self._headers,
        )
