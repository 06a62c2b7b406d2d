"""How many requests or queries a row stands for: more than one where only some of them are kept."""

from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0023_log_counters_recorded")]

    operations = [
        migrations.RunSQL(
            f"ALTER TABLE {table} ADD COLUMN weight smallint NOT NULL DEFAULT 1",
            f"ALTER TABLE {table} DROP COLUMN weight",
        )
        for table in ("monitoring_request", "monitoring_query")
    ]
