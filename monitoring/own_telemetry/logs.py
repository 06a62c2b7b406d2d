"""The product's own errors: whatever is logged as one, in web and workers alike, by the adapter of errors in JSON."""

from __future__ import annotations

import logging
import time
import traceback
from datetime import UTC, datetime
from typing import Any

import msgspec

from monitoring.own_telemetry.surroundings import find_surroundings, is_paused

MAX_PER_MINUTE = 60
"""Of one process. An error in keeping errors must not feed on itself."""

SIGNAL = "errors"


class RecordOwnErrors(logging.Handler):
    """Keeps log records from ERROR on as errors of the product's own application."""

    def __init__(self) -> None:
        super().__init__(level=logging.ERROR)
        self._minute, self._count = 0, 0

    def emit(self, record: logging.LogRecord) -> None:
        """Keep an error for the recorder's thread."""
        # What Django says of an answer without an exception is an echo: whoever gave the answer has said why.
        if is_paused() or (record.name == "django.request" and not record.exc_info):
            return
        # Logging is set up before Django's models can be imported.
        from monitoring.ingestion.native_errors import decode_errors
        from monitoring.own_telemetry.recorder import recorder

        try:
            if not self._has_room():
                recorder.leave_out(SIGNAL, "limited")
                return
            body = msgspec.json.encode(describe_record(record))
            received_at = datetime.now(UTC)
        except Exception:
            self.handleError(record)
            return

        def fill(batch: Any) -> None:
            made = decode_errors(body, application_id=batch.application_id, received_at=received_at)
            batch.records += made.batch.records
            for (signal, column), count in made.batch.account.counts.items():
                batch.account.add(signal, column, count)

        recorder.keep(SIGNAL, fill)

    def _has_room(self) -> bool:
        minute = int(time.monotonic() // 60)
        if minute != self._minute:
            self._minute, self._count = minute, 0
        self._count += 1
        return self._count <= MAX_PER_MINUTE


def describe_record(record: logging.LogRecord) -> dict[str, Any]:
    """Return a log record as a program without an SDK would report it."""
    around = find_surroundings()
    error = record.exc_info[1] if record.exc_info else None
    told: dict[str, Any] = {
        "message": str(error) if error is not None and str(error) else record.getMessage(),
        "platform": "python",
        "level": "fatal" if record.levelno >= logging.CRITICAL else "error",
        "handled": True,
        "context": {"log": record.getMessage(), "logger": record.name},
        "tags": {"logger": record.name, "process": record.processName},
    }
    if error is not None:
        told["class"] = type(error).__name__
        told["stack"] = "".join(traceback.format_exception(error))
    else:
        told["type"] = record.name
        told["file"], told["line"] = record.pathname, record.lineno
        # The sentence without its parameters, so that all of them are one issue.
        told["fingerprint"] = [record.name, str(record.msg)]
    if around is not None:
        told |= {"url": around.url or around.describe(), "method": around.method or None, "trace_id": around.trace_id}
        told["tags"]["endpoint"] = around.describe()
    return told
