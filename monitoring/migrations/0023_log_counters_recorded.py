"""Counts of log lines that were recorded are known as such, else their series would begin anew at 0."""

from __future__ import annotations

from django.db import migrations

FILL = "UPDATE monitoring_logcounter SET recorded = total WHERE recorded_at IS NOT NULL"


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0022_counters_after_silence")]

    operations = [migrations.RunSQL(FILL, migrations.RunSQL.noop)]
