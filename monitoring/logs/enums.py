"""Words of this room."""

from __future__ import annotations

from django.db import models

from monitoring.logs.records import FIRST_NUMBER, name_severity


class Severity(models.TextChoices):
    """How bad a line says it is. Each stands for four of OpenTelemetry's severity numbers."""

    TRACE = "trace", "Trace"
    DEBUG = "debug", "Debug"
    INFO = "info", "Info"
    WARN = "warn", "Warning"
    ERROR = "error", "Error"
    FATAL = "fatal", "Fatal"

    @property
    def tone(self) -> str:
        """Colour of the severity on every screen."""
        return {"info": "info", "warn": "watch", "error": "bad", "fatal": "bad"}.get(self.value, "quiet")

    @property
    def first_number(self) -> int:
        """The lowest severity number that it stands for."""
        return FIRST_NUMBER[self.value]

    @classmethod
    def of_number(cls, number: int) -> Severity:
        """Return the severity of a number from 1 to 24."""
        return cls(name_severity(number))
