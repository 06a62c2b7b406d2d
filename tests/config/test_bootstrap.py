"""What a first start creates, and that a second one changes nothing."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth import authenticate, get_user_model
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.test import override_settings
from django_celery_beat.models import PeriodicTask

from config.bootstrap import BootstrapContext, registered_steps, step, write_command
from config.options import OPTIONS
from config.settings import BASE_DIR, OPTION
from monitoring.applications.enums import AGENT_KEY_LABEL
from monitoring.applications.models import Application
from monitoring.applications.selectors import find_grant, forget_grants


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    with override_settings(DATA_DIR=tmp_path, SECRETS_DIR=tmp_path / "secrets"):
        yield tmp_path


def bootstrap(data_dir: Path) -> dict:
    forget_grants()
    call_command("bootstrap", stdout=StringIO())
    return json.loads((data_dir / "run" / "bootstrap.json").read_text())


@pytest.mark.django_db(transaction=True)
def test_bootstrap__first_start__creates_administrator_application_key_and_schedules(data_dir: Path) -> None:
    summary = bootstrap(data_dir)
    application = Application.objects.get(pk=summary["application_id"])
    assert application.name == socket.gethostname()
    assert authenticate(username=summary["username"], password=summary["password"]).is_superuser
    password_file = data_dir / "secrets" / "admin_password"
    assert password_file.read_text() == summary["password"]
    assert stat.S_IMODE(password_file.stat().st_mode) == 0o600
    grant = find_grant((data_dir / "secrets" / "agent.key").read_text())
    assert (grant.application_id, grant.scopes) == (application.pk, frozenset({"ingest", "read"}))
    assert PeriodicTask.objects.filter(name__in=["outbox: dispatch events", "deliveries: send"]).count() == 2
    assert stat.S_IMODE((data_dir / "run" / "bootstrap.json").stat().st_mode) == 0o600


@pytest.mark.django_db(transaction=True)
def test_bootstrap__second_start__changes_nothing_and_tells_no_password(data_dir: Path) -> None:
    bootstrap(data_dir)
    key = (data_dir / "secrets" / "agent.key").read_text()
    summary = bootstrap(data_dir)
    assert "password" not in summary
    assert summary["username"] == "admin"
    assert (data_dir / "secrets" / "agent.key").read_text() == key
    assert get_user_model().objects.count() == 1
    assert Application.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_bootstrap__agent_key_lost__makes_a_new_one_and_revokes_the_old(data_dir: Path) -> None:
    bootstrap(data_dir)
    path = data_dir / "secrets" / "agent.key"
    lost = path.read_text()
    path.unlink()
    bootstrap(data_dir)
    forget_grants()
    assert find_grant(lost) is None
    assert find_grant(path.read_text()) is not None
    assert Application.objects.get().keys.filter(label=AGENT_KEY_LABEL, revoked_at=None).count() == 1


def test_bootstrap__setting_that_cannot_work__ends_the_start_and_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OPTION, "RULE_INTERVAL_SECONDS", 0)
    with pytest.raises(SystemCheckError, match="Set RULE_INTERVAL_SECONDS to 1 or more"):
        call_command("bootstrap", skip_checks=False, stdout=StringIO())


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("WEB_WORKERS", "two", "WEB_WORKERS is 'two'; it must be a number."),
        ("LOG_LEVEL", "loud", "LOG_LEVEL is 'LOUD'; choose one of"),
    ],
)
def test_settings__value_of_another_type__is_named(name: str, value: str, words: str) -> None:
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", name: value}
    done = subprocess.run(
        [sys.executable, "-c", "import config.settings"], env=env, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert words in done.stderr


def test_write_command__other_place_and_port__can_be_pasted_and_means_this_installation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.executable", str(BASE_DIR / ".venv/bin/python"))
    monkeypatch.setattr("config.bootstrap.DATA_DIR", BASE_DIR / "var")
    for name in ("HOST", "PORT", "PUBLIC_URL"):
        monkeypatch.setitem(OPTION, name, next(option.default for option in OPTIONS if option.name == name))
    assert write_command("connect NAME") == ".venv/bin/python manage.py connect NAME"
    monkeypatch.setitem(OPTION, "PORT", 9000)
    monkeypatch.setattr("config.bootstrap.DATA_DIR", Path("/srv/my data"))
    command = "DATA_DIR='/srv/my data' PORT=9000 .venv/bin/python manage.py connect NAME"
    assert write_command("connect NAME") == command


def test_step__same_name_twice__is_refused() -> None:
    taken = registered_steps()[0].name
    with pytest.raises(ValueError, match="two bootstrap steps"):
        step(taken, order=1)(lambda context: None)


def test_registered_steps__any__run_in_order() -> None:
    orders = [each.order for each in registered_steps()]
    assert orders == sorted(orders)
    assert isinstance(BootstrapContext(say=print).summary, dict)
