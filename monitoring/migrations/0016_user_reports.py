from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("monitoring", "0015_performance"),
    ]

    operations = [
        migrations.CreateModel(
            name="UserReport",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("report_id", models.UUIDField()),
                ("event_id", models.UUIDField(blank=True, help_text="The error it is about.", null=True)),
                ("group_id", models.BigIntegerField(blank=True, null=True)),
                ("received_at", models.DateTimeField()),
                ("name", models.CharField(blank=True, max_length=128)),
                ("email", models.CharField(blank=True, max_length=254)),
                ("message", models.TextField()),
                ("url", models.CharField(blank=True, max_length=500)),
                ("release", models.CharField(blank=True, max_length=200)),
                ("environment", models.CharField(blank=True, max_length=64)),
                ("trace_id", models.CharField(blank=True, max_length=32)),
                ("user_key", models.BinaryField(max_length=16, null=True)),
                (
                    "application",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="monitoring.application"
                    ),
                ),
            ],
            options={
                "ordering": ["-received_at"],
                "indexes": [
                    models.Index(fields=["-received_at"], name="user_report_newest"),
                    models.Index(fields=["application", "-received_at"], name="user_report_application"),
                    models.Index(
                        condition=models.Q(("group_id__isnull", False)), fields=["group_id"], name="user_report_group"
                    ),
                    models.Index(
                        condition=models.Q(("event_id__isnull", False), ("group_id", None)),
                        fields=["received_at"],
                        name="user_report_unmatched",
                    ),
                    models.Index(
                        condition=models.Q(("user_key__isnull", False)),
                        fields=["application", "user_key"],
                        name="user_report_person",
                    ),
                ],
                "constraints": [models.UniqueConstraint(fields=("application", "report_id"), name="user_report_once")],
            },
        ),
    ]
