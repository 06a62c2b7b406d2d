from __future__ import annotations

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("alerts", "0012_where_acknowledged"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="alertcomment",
            name="alert_note_kind_known",
        ),
        migrations.AlterField(
            model_name="alertcomment",
            name="kind",
            field=models.CharField(
                choices=[
                    ("comment", "Comment"),
                    ("acknowledged", "Acknowledged"),
                    ("unacknowledged", "Acknowledgement taken back"),
                    ("assigned", "Assigned"),
                    ("closed", "Closed by hand"),
                    ("snoozed", "Snoozed"),
                    ("unsnoozed", "Snooze ended"),
                    ("expired", "Acknowledgement ran out"),
                ],
                default="comment",
                max_length=15,
            ),
        ),
        migrations.AddConstraint(
            model_name="alertcomment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "kind__in",
                        [
                            "comment",
                            "acknowledged",
                            "unacknowledged",
                            "assigned",
                            "closed",
                            "snoozed",
                            "unsnoozed",
                            "expired",
                        ],
                    )
                ),
                name="alert_note_kind_known",
            ),
        ),
    ]
