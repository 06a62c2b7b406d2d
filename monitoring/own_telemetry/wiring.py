"""Has web and worker processes notice their own jobs and queries."""

from __future__ import annotations

from celery.signals import task_postrun, task_prerun
from django.conf import settings
from django.db.backends.signals import connection_created

from monitoring.own_telemetry.queries import watch_connection
from monitoring.own_telemetry.requests import begin_job, end_job


def watch_itself() -> None:
    """Connect, once, what this process does with the recorder; nothing happens while RECORD_ITSELF is off."""
    if not settings.RECORD_ITSELF:
        return
    connection_created.connect(watch_connection, dispatch_uid="own telemetry: queries")
    task_prerun.connect(begin_job, dispatch_uid="own telemetry: a job begins", weak=False)
    task_postrun.connect(end_job, dispatch_uid="own telemetry: a job ends", weak=False)
