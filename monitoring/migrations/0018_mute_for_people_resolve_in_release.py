from __future__ import annotations

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("monitoring", "0017_attachment_table"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="errorissue",
            name="issue_mute_has_end_only_if_muted",
        ),
        migrations.AddField(
            model_name="errorissue",
            name="muted_until_users",
            field=models.BigIntegerField(
                blank=True, help_text="How many people it must have happened to for the silence to end.", null=True
            ),
        ),
        migrations.AddField(
            model_name="errorissue",
            name="resolved_release",
            field=models.ForeignKey(
                blank=True,
                help_text="The release that mends it: only events of this one and of later ones count as regression.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="monitoring.release",
            ),
        ),
        migrations.AlterField(
            model_name="errorissue",
            name="resolved_in",
            field=models.CharField(
                blank=True,
                choices=[("now", "now"), ("next_release", "in the next release"), ("release", "in a release")],
                max_length=15,
            ),
        ),
        migrations.AddConstraint(
            model_name="errorissue",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state", "muted"),
                    models.Q(("muted_until", None), ("muted_until_count", None), ("muted_until_users", None)),
                    _connector="OR",
                ),
                name="issue_mute_has_end_only_if_muted",
            ),
        ),
    ]
