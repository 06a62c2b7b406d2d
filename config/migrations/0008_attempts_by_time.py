from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("config", "0007_what_deliveries_say"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="deliveryattempt",
            index=models.Index(fields=["finished_at"], name="attempt_finished"),
        ),
    ]
