"""The Celery application: queues by purpose, so that no kind of work can starve another.

`evaluate` decides, `deliver` tells, `digest` packs and groups, `maintain` cleans, `reports` writes, `default` is the rest.
"""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

QUEUES = ("evaluate", "deliver", "digest", "maintain", "reports", "default")

app = Celery("postlaunch")
app.config_from_object("django.conf:settings", namespace="CELERY")
# Every room and inner room keeps its tasks in a module of this name; rooms import those of their inner rooms.
app.autodiscover_tasks()
