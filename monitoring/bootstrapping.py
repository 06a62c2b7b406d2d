"""What the first start creates for this room."""

from __future__ import annotations

import socket

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify

from config.bootstrap import BootstrapContext, step, write_command
from config.secrets import write_secret
from monitoring.applications.enums import AGENT_KEY_LABEL, HOST_ENVIRONMENT, OWN_ENVIRONMENT, KeyKind, Scope
from monitoring.applications.models import Application
from monitoring.applications.selectors import find_grant, find_own_application
from monitoring.applications.services import create_application, issue_key, revoke_key
from monitoring.errors.services.critical import install_patterns
from monitoring.metrics.partitions import ensure_partitions
from monitoring.partitions import DAILY

AGENT_KEY_FILE = "agent.key"


@step("monitoring: partitions", order=10)
def ensure_point_partitions(context: BootstrapContext) -> None:
    """Make the partitions that anything may arrive for, so that the first request finds them."""
    now = timezone.now()
    ensure_partitions(now=now)
    for partitions in DAILY:
        partitions.ensure_ahead(now=now)


@step("monitoring: this host as the first application", order=30)
def ensure_host_application(context: BootstrapContext) -> None:
    """Create the application that this machine reports for and the agent's key, both only where they are missing."""
    application = find_or_create_host_application()
    ensure_agent_key(application=application)
    context.summary["application"] = str(application)
    context.summary["application_id"] = application.pk
    context.summary["connect_command"] = write_command("connect NAME")
    context.summary["connect_url"] = f"{settings.PUBLIC_URL}{application.get_absolute_url()}"


@step("monitoring: this product as an application", order=35)
def ensure_own_application(context: BootstrapContext) -> None:
    """Create the application that the product's own requests, queries and errors are kept for, unless it is there."""
    if settings.RECORD_ITSELF and find_own_application() is None:
        create_application(name="Postlaunch", environment=OWN_ENVIRONMENT)


@step("monitoring: critical patterns", order=50)
def install_critical_patterns(context: BootstrapContext) -> None:
    """Install the shipped patterns and bring them up to date."""
    install_patterns()


def find_or_create_host_application() -> Application:
    """Return the application of this machine, named after it."""
    name = socket.gethostname() or "this host"
    slug = slugify(name) or "application"
    known = Application.objects.filter(slug=slug, environment=HOST_ENVIRONMENT).first()
    return known or create_application(name=name, environment=HOST_ENVIRONMENT)


@transaction.atomic
def ensure_agent_key(*, application: Application) -> bool:
    """Give the agent a key if its file is gone or its key no longer works; return whether one was made.

    Earlier keys of this host's agent are revoked: their file is lost, so nobody can use them rightfully.
    """
    path = settings.SECRETS_DIR / AGENT_KEY_FILE
    grant = find_grant(path.read_text(encoding="ascii").strip()) if path.exists() else None
    if grant is not None and grant.application_id == application.pk:
        return False
    for key in application.keys.filter(label=AGENT_KEY_LABEL, revoked_at=None):
        revoke_key(key=key)
    issued = issue_key(
        application=application, kind=KeyKind.SECRET, label=AGENT_KEY_LABEL, scopes=[Scope.INGEST, Scope.READ]
    )
    write_secret(path, issued.token)
    return True
