from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("alerts", "0012_calendar_addresses"),
    ]

    operations = [
        migrations.AddField(
            model_name="alert",
            name="acknowledged_via",
            field=models.JSONField(
                blank=True,
                default=dict,
                help_text="Where the message went by whose link it was acknowledged; empty: by no link.",
            ),
        ),
    ]
