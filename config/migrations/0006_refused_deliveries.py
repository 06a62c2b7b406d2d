from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("config", "0005_deliveries_in_order"),
    ]

    operations = [
        migrations.AddField(
            model_name="delivery",
            name="refused_since",
            field=models.DateTimeField(
                blank=True,
                editable=False,
                help_text="Since when its receiver, being there, does not take it.",
                null=True,
            ),
        ),
    ]
