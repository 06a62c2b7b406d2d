"""Alerts from outside are counted in the loss account."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("monitoring", "0024_request_weights"),
    ]

    operations = [
        migrations.AlterField(
            model_name="lossaccount",
            name="signal",
            field=models.CharField(
                choices=[
                    ("points", "Metric points"),
                    ("errors", "Errors"),
                    ("transactions", "Transactions"),
                    ("spans", "Spans"),
                    ("queries", "Database queries"),
                    ("logs", "Log lines"),
                    ("sessions", "Sessions"),
                    ("feedback", "Feedback"),
                    ("vitals", "Web vitals"),
                    ("events", "Usage events"),
                    ("check_ins", "Check-ins"),
                    ("attachments", "Attachments"),
                    ("profiles", "Profiles"),
                    ("replays", "Replays"),
                    ("security", "Security reports"),
                    ("alerts", "Alerts from outside"),
                    ("client_reports", "Reports of losses"),
                    ("other", "Unknown kinds"),
                    ("bodies", "Unreadable requests"),
                ],
                max_length=20,
            ),
        ),
    ]
