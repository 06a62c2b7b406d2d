"""Alerts that other systems report: whose they are, where they are shown, when they are over without news."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("alerts", "0004_failing_rules"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="alert",
            name="open_alert_has_rule",
        ),
        migrations.AddField(
            model_name="alert",
            name="expires_at",
            field=models.DateTimeField(
                blank=True,
                help_text="Without news from its source it is over then; empty: it waits for news.",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="alert",
            name="generator_url",
            field=models.TextField(blank=True, help_text="Where its source shows it, as the source wrote it."),
        ),
        migrations.AddField(
            model_name="alert",
            name="source",
            field=models.CharField(
                blank=True,
                choices=[
                    ("prometheus", "Prometheus"),
                    ("alertmanager", "Alertmanager"),
                    ("grafana", "Grafana"),
                    ("http", "HTTP"),
                ],
                help_text="Who reports it; empty: our own rule.",
                max_length=15,
            ),
        ),
        migrations.AddField(
            model_name="alert",
            name="source_ended_at",
            field=models.DateTimeField(
                blank=True,
                help_text="When it ended, by its source's clock; empty if the source did not say so.",
                null=True,
            ),
        ),
        migrations.AddIndex(
            model_name="alert",
            index=models.Index(
                condition=models.Q(("source", ""), _negated=True),
                fields=["application", "fingerprint"],
                name="alert_outside",
            ),
        ),
        migrations.AddConstraint(
            model_name="alert",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ["pending", "firing"]), models.Q(("source", ""), _negated=True)),
                fields=("source", "application", "fingerprint"),
                name="one_open_alert_per_report",
            ),
        ),
        migrations.AddConstraint(
            model_name="alert",
            constraint=models.CheckConstraint(
                condition=models.Q(("source__in", ["", "prometheus", "alertmanager", "grafana", "http"])),
                name="alert_source_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="alert",
            constraint=models.CheckConstraint(
                condition=models.Q(("source", ""), ("rule", None), _connector="OR"), name="alert_rule_or_source"
            ),
        ),
        migrations.AddConstraint(
            model_name="alert",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state__in", ["pending", "firing"]), _negated=True),
                    ("rule__isnull", False),
                    models.Q(("source", ""), _negated=True),
                    _connector="OR",
                ),
                name="open_alert_has_rule_or_source",
            ),
        ),
    ]
