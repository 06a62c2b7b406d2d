from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("alerts", "0016_policies_begun"),
    ]

    operations = [
        migrations.AddField(
            model_name="evaluationbacklog",
            name="errors",
            field=models.JSONField(default=dict, help_text="Why rules failed in it then, by id; of those that did."),
        ),
        migrations.AddField(
            model_name="evaluationbacklog",
            name="seconds",
            field=models.JSONField(default=dict, help_text="How long each rule took in it then, by id."),
        ),
        migrations.AddField(
            model_name="evaluationbacklog",
            name="unbroken_since",
            field=models.DateTimeField(help_text="Since when evaluations came without a long break.", null=True),
        ),
        migrations.AddField(
            model_name="rulememory",
            name="failing_since",
            field=models.DateTimeField(help_text="Since when the rule can't be judged in this application.", null=True),
        ),
    ]
