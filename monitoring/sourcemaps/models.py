"""What builds upload: bundles, their files, the contents, and the pieces of those that are still on their way."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.urls import reverse

from monitoring.applications.models import Application
from monitoring.sourcemaps.enums import FileKind


class SourceBundle(models.Model):
    """One upload of one build. Written with all its files in one transaction; pruned when it has not been used for long."""

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="source_bundles")
    checksum = models.BinaryField(max_length=20, editable=False, help_text="SHA-1 of the zip.")
    release = models.CharField(max_length=200, blank=True)
    dist = models.CharField("distribution", max_length=64, blank=True)
    file_count = models.PositiveIntegerField()
    size = models.BigIntegerField(help_text="Of all its files, inflated.")
    uploaded_by = models.CharField(max_length=150, blank=True)
    uploaded_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True, help_text="When it last explained an error.")

    objects: ClassVar[models.Manager[SourceBundle]]

    class Meta:
        verbose_name = "source map upload"
        ordering = ["-uploaded_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["application", "checksum", "release", "dist"], name="source_bundle_once_per_release"
            )
        ]
        indexes = [
            # Digest: the uploads of an event's release. The page: those of an application.
            models.Index(fields=["application", "release"], name="source_bundle_release")
        ]

    def __str__(self) -> str:
        return f"{self.release or 'no release'} {self.dist}".strip()

    def get_absolute_url(self) -> str:
        """Address of its page."""
        return reverse("admin:monitoring_sourcebundle_case", args=[self.pk])


class SourceBlob(models.Model):
    """The contents of a file, zstd-compressed, once per application however many builds have it."""

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+")
    sha1 = models.BinaryField(max_length=20)
    size = models.BigIntegerField(help_text="Inflated.")
    stored_size = models.BigIntegerField()
    data = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["application", "sha1"], name="source_blob_once_per_application")]

    def __str__(self) -> str:
        return bytes(self.sha1).hex()


class SourceFile(models.Model):
    """A script or a source map of an upload."""

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+", db_index=False)
    bundle = models.ForeignKey(SourceBundle, on_delete=models.CASCADE, related_name="files", db_index=False)
    blob = models.ForeignKey(SourceBlob, on_delete=models.CASCADE, related_name="files")
    kind = models.CharField(max_length=20, choices=FileKind.choices)
    url = models.CharField(max_length=500, blank=True)
    debug_id = models.UUIDField(null=True)
    sourcemap = models.CharField(max_length=500, blank=True, help_text="Where a script says its map is.")

    objects: ClassVar[models.Manager[SourceFile]]

    class Meta:
        ordering = ["url", "pk"]
        indexes = [
            # Digest: by the id that the build put into script and map.
            models.Index(
                fields=["application", "debug_id"],
                name="source_file_debug_id",
                condition=models.Q(debug_id__isnull=False),
            ),
            # Digest: by the address, within the uploads of a release. The page of an upload.
            models.Index(fields=["bundle", "url"], name="source_file_url"),
        ]

    def __str__(self) -> str:
        return self.url


class SourceChunk(models.Model):
    """A piece of an upload that was not put together yet. Removed then, or after a day."""

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+")
    sha1 = models.BinaryField(max_length=20)
    size = models.IntegerField()
    data = models.BinaryField()
    uploaded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["application", "sha1"], name="source_chunk_once_per_application")
        ]
        indexes = [
            # Hourly: what nobody came back for.
            models.Index(fields=["uploaded_at"], name="source_chunk_age")
        ]

    def __str__(self) -> str:
        return bytes(self.sha1).hex()


class MissingMap(models.Model):
    """Events of a release that a source map would have helped. Goes with the next upload for it, or after 30 quiet days."""

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+")
    release = models.CharField(max_length=200, blank=True)
    event_count = models.BigIntegerField()
    reason = models.CharField(max_length=20)
    file = models.CharField(max_length=500, help_text="The script of the newest of them.")
    last_seen = models.DateTimeField()

    objects: ClassVar[models.Manager[MissingMap]]

    class Meta:
        ordering = ["-last_seen"]
        constraints = [models.UniqueConstraint(fields=["application", "release"], name="missing_map_once_per_release")]

    def __str__(self) -> str:
        return f"{self.event_count} of {self.release or 'no release'}"
