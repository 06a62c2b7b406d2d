"""Releases."""

from __future__ import annotations

from django.db import models

from monitoring.applications.models import Application


class Release(models.Model):
    """One version of an application, as its clients name it. Made by the first event that names it."""

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="releases")
    version = models.CharField(max_length=200)
    first_seen = models.DateTimeField(help_text="When something of it first arrived; orders releases.")

    class Meta:
        ordering = ["-first_seen"]
        constraints = [
            models.UniqueConstraint(fields=["application", "version"], name="release_once_per_application"),
        ]

    def __str__(self) -> str:
        return self.version
