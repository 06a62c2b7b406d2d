from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("alerts", "0015_turns_by_people"),
    ]

    operations = [
        migrations.AddField(
            model_name="alertgroup",
            name="begun",
            field=models.JSONField(
                default=list, help_text="When its policy began, at first and anew: ISO moments, the newest 50."
            ),
        ),
    ]
