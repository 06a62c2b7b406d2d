"""Documents with escalation chains as Grafana OnCall's HTTP API answers them."""

from __future__ import annotations

from typing import Any

USERS = [
    {"id": "UADA", "username": "ada", "email": "ada@example.com", "slack": []},
    {"id": "UBO", "username": "bo", "email": "bo@example.com"},
]


def make_document(*steps: dict[str, Any], **lists: Any) -> dict[str, Any]:
    """Return a document with one chain, “Night”, of these steps."""
    policies = [
        {"id": f"E{place}", "escalation_chain_id": "F1", "position": place, **step} for place, step in enumerate(steps)
    ]
    return {
        "escalation_chains": [{"id": "F1", "name": "Night", "team_id": None}],
        "escalation_policies": policies,
        "users": USERS,
        "schedules": [{"id": "S1", "name": "Ops"}],
        "teams": [{"id": "T1", "name": "Admins"}],
        "user_groups": [{"id": "G1", "type": "slack_based", "slack": {"id": "X", "name": "DBAs", "handle": "dba"}}],
        "webhooks": [{"id": "W1", "name": "Pager"}],
        **lists,
    }


def make_page(items: list[Any], *, is_last: bool = True) -> dict[str, Any]:
    """Return one page of a list."""
    following = None if is_last else "https://oncall.example.com/api/v1/users/?page=2"
    return {"count": len(items), "next": following, "previous": None, "results": items, "page_size": 50}
