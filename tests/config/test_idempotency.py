"""POSTs sent twice under one Idempotency-Key."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Group
from django.db import connection
from django.utils import timezone
from rest_framework import serializers, viewsets
from rest_framework.mixins import CreateModelMixin
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory

from config.api.idempotency import IdempotentCreateMixin, prune_answers
from config.api.models import KeptAnswer
from monitoring.applications.enums import KeyKind
from monitoring.applications.models import Application
from monitoring.applications.services import create_application, issue_key


class GroupSerializer(serializers.ModelSerializer):
    class Meta:
        model = Group
        fields = ["id", "name"]


class GroupViewSet(IdempotentCreateMixin, CreateModelMixin, viewsets.GenericViewSet):
    """Something that can be created, with nothing of its own to go wrong."""

    queryset = Group.objects.all()
    serializer_class = GroupSerializer


@pytest.fixture
def application() -> Application:
    return create_application(name="ERP")


def make_key(application: Application) -> str:
    return issue_key(application=application, kind=KeyKind.SECRET).token


def post(token: str, name: str, idempotency_key: str | None) -> Response:
    headers: dict[str, Any] = {"Authorization": f"Bearer {token}"}
    if idempotency_key is not None:
        headers["Idempotency-Key"] = idempotency_key
    request = APIRequestFactory().post("/x/", {"name": name}, format="json", headers=headers)
    return GroupViewSet.as_view({"post": "create"})(request)


@pytest.mark.django_db
def test_create__same_key_twice__is_answered_alike_and_done_once(application: Application) -> None:
    token = make_key(application)
    first, second = post(token, "a", "k1"), post(token, "a", "k1")
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.data == second.data
    assert second["Idempotent-Replayed"] == "true"
    assert Group.objects.count() == 1


@pytest.mark.django_db
def test_create__same_key_other_body__is_refused(application: Application) -> None:
    token = make_key(application)
    post(token, "a", "k1")
    refused = post(token, "b", "k1")
    assert (refused.status_code, refused.data["type"]) == (422, "/api/docs/errors/#idempotency-key-reused")


@pytest.mark.django_db
def test_create__same_key_of_another_client__is_another_request(application: Application) -> None:
    assert post(make_key(application), "a", "k1").status_code == 201
    assert post(make_key(application), "b", "k1").status_code == 201


@pytest.mark.django_db
def test_create__refused_first__can_be_mended_under_the_same_key(application: Application) -> None:
    token = make_key(application)
    assert post(token, "", "k1").status_code == 400
    assert not KeptAnswer.objects.exists()
    assert post(token, "a", "k1").status_code == 201


@pytest.mark.django_db
def test_create__without_key__keeps_nothing(application: Application) -> None:
    assert post(make_key(application), "a", None).status_code == 201
    assert not KeptAnswer.objects.exists()


@pytest.mark.django_db
def test_create__key_too_long__is_refused(application: Application) -> None:
    assert post(make_key(application), "a", "k" * 256).status_code == 400


@pytest.mark.django_db
def test_prune__after_a_day__forgets(application: Application) -> None:
    post(make_key(application), "a", "k1")
    assert prune_answers() == 0
    with time_machine.travel(timezone.now() + timedelta(hours=25)):
        assert prune_answers() == 1


@pytest.mark.django_db(transaction=True)
def test_create__same_key_at_once__is_done_once(application: Application) -> None:
    token = make_key(application)
    answers: list[Response] = []

    def work() -> None:
        answers.append(post(token, "a", "k1"))
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers] == [201] * 4
    assert len({answer.data["id"] for answer in answers}) == 1
