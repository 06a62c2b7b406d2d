from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("alerts", "0014_evaluation_backlog"),
    ]

    operations = [
        migrations.RemoveField(
            model_name="policy",
            name="turn",
        ),
        migrations.AddField(
            model_name="policy",
            name="turns",
            field=models.JSONField(
                default=dict,
                editable=False,
                help_text="How often its round-robin steps took turns, by the people they take turns of.",
            ),
        ),
    ]
