"""The roll-up of an hour takes that hour's marks; without an index it would read all marks for each hour of a backlog."""

from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0019_counted_errors")]

    operations = [
        migrations.RunSQL(
            "CREATE INDEX monitoring_vital_mark_hour ON monitoring_vital_mark (application_id, hour)",
            "DROP INDEX monitoring_vital_mark_hour",
        )
    ]
