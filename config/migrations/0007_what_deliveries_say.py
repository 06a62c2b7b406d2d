from __future__ import annotations

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("config", "0006_refused_deliveries"),
    ]

    operations = [
        migrations.AddField(
            model_name="delivery",
            name="ended",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.BigIntegerField(),
                default=list,
                editable=False,
                help_text="Hashes of what it says is over.",
                size=None,
            ),
        ),
        migrations.AddField(
            model_name="delivery",
            name="ongoing",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.BigIntegerField(),
                default=list,
                editable=False,
                help_text="Hashes of what it says goes on.",
                size=None,
            ),
        ),
        migrations.RemoveIndex(model_name="delivery", name="delivery_thread_sent"),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("state", "sent"), models.Q(("thread", ""), _negated=True)),
                fields=["thread", "id"],
                name="delivery_thread_taken",
            ),
        ),
    ]
