from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("config", "0004_deliveries_of_an_application"),
    ]

    operations = [
        migrations.AddField(
            model_name="delivery",
            name="supersedable",
            field=models.BooleanField(
                default=False,
                editable=False,
                help_text="It need not go out once a newer one of its thread says what is true.",
            ),
        ),
        migrations.AddField(
            model_name="delivery",
            name="supersedes",
            field=models.BooleanField(
                default=False,
                editable=False,
                help_text="It says all that is true now of its thread: older news need not go out.",
            ),
        ),
        migrations.AddField(
            model_name="delivery",
            name="thread",
            field=models.CharField(
                blank=True,
                editable=False,
                help_text="Those of one thread go out in the order they were made.",
                max_length=40,
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("state__in", ["queued", "sending"]), models.Q(("thread", ""), _negated=True)),
                fields=["thread", "id"],
                name="delivery_thread",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("state", "sent"), ("supersedes", True)),
                fields=["thread", "id"],
                name="delivery_thread_sent",
            ),
        ),
    ]
