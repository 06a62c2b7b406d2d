from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("alerts", "0013_snooze_ended"),
        ("monitoring", "0026_recurring_windows"),
    ]

    operations = [
        migrations.CreateModel(
            name="EvaluationBacklog",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("since", models.DateTimeField()),
                (
                    "judged",
                    models.JSONField(default=dict, help_text="When each rule was judged last, by id; epoch seconds."),
                ),
                (
                    "period_seconds",
                    models.FloatField(help_text="Longest time between two judgements of a rule.", null=True),
                ),
                ("told_at", models.DateTimeField(blank=True, null=True)),
                ("written_at", models.DateTimeField()),
                (
                    "application",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="monitoring.application"
                    ),
                ),
            ],
            options={
                "ordering": ["application_id"],
            },
        ),
    ]
