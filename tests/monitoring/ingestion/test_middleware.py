"""The short way to the doors: everything that others rely on holds there too."""

from __future__ import annotations

import pytest
from django.test import Client


@pytest.mark.django_db
def test_doors_first__refusal__has_a_length_and_the_common_headers(client: Client) -> None:
    answer = client.post("/api/v1/errors/", "{}", content_type="application/json")
    assert answer.status_code == 401
    assert answer["Content-Length"] == str(len(answer.content))
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "Content-Security-Policy" in answer.headers
    assert "Set-Cookie" not in answer.headers


def test_doors_first__other_method_at_a_door__is_told_what_to_send(client: Client) -> None:
    answer = client.get("/api/7/envelope/")
    assert (answer.status_code, answer["Allow"]) == (405, "POST, OPTIONS")


@pytest.mark.django_db
def test_doors_first__no_door__goes_the_usual_way(client: Client) -> None:
    assert client.post("/api/v1/no-such-thing/", "{}", content_type="application/json").status_code == 404
