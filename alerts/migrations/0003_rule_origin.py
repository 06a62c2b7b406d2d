"""Rules know the rule file they were made from."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("alerts", "0002_groups_and_policies")]

    operations = [
        migrations.AddField(
            model_name="rule",
            name="origin",
            field=models.CharField(
                blank=True,
                editable=False,
                help_text="Group and alert of the rule file it was made from, by which the next import finds it.",
                max_length=301,
            ),
        ),
    ]
