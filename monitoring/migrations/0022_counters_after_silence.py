"""What counters were at before a silence."""

from __future__ import annotations

from typing import Any

import django.contrib.postgres.fields
from django.db import migrations, models


def _before() -> models.Field[Any, Any]:
    return django.contrib.postgres.fields.ArrayField(base_field=models.FloatField(), null=True, size=None)


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0021_uptime_requests_records_cron")]

    operations = [
        migrations.AddField(model_name="endpoint", name="before", field=_before()),
        migrations.AddField(model_name="statement", name="before", field=_before()),
        migrations.AddField(
            model_name="logcounter", name="recorded", field=models.BigIntegerField(db_default=0, default=0)
        ),
    ]
