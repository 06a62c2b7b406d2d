"""Rows of the inbox stay whole: they live for a second, and taking large ones apart costs more than it saves."""

from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0010_source_maps")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE monitoring_error_inbox SET (toast_tuple_target = 8160)",
            "ALTER TABLE monitoring_error_inbox RESET (toast_tuple_target)",
        ),
    ]
