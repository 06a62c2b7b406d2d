"""One log for all processes: on the terminal, and in DATA_DIR/log/postlaunch.log."""

from __future__ import annotations

import logging
import logging.handlers
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import TextIO

_FILE_BYTES = 10 * 1024 * 1024
_FILES_KEPT = 5
_LONGEST_LINE_BYTES = 16 * 1024
_NAME_WIDTH = 17
_COLOURS = (36, 32, 35, 34, 33, 96, 92, 95, 94)
OWN_NAME = "postlaunch"


class Log:
    """Writes lines of named sources, each with its local time, to the terminal and to the file.

    A terminal that went away is no reason to stop: the file goes on.
    """

    def __init__(self, directory: Path, *, terminal: TextIO | None = None) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = logging.handlers.RotatingFileHandler(
            directory / "postlaunch.log", maxBytes=_FILE_BYTES, backupCount=_FILES_KEPT, encoding="utf-8"
        )
        self._terminal: TextIO | None = sys.stdout if terminal is None else terminal
        self._is_coloured = self._terminal.isatty() and "NO_COLOR" not in os.environ
        self._colours: dict[str, int] = {}

    def say(self, text: str) -> None:
        """A line of the supervisor itself."""
        for line in text.splitlines() or [""]:
            self.write(OWN_NAME, line)

    def write(self, name: str, line: str) -> None:
        """A line of the process called `name`."""
        now = datetime.now().astimezone()
        padded = name.ljust(_NAME_WIDTH)
        self._write_file(f"{now.isoformat(timespec='milliseconds')} {padded} {line}")
        clock = now.strftime("%H:%M:%S")
        shown = self._paint(name, padded)
        self.show(f"{clock} {shown} {line}")

    def show(self, line: str) -> None:
        """A line for the terminal alone, such as a password that no file must keep."""
        if self._terminal is None:
            return
        try:
            self._terminal.write(line + "\n")
            self._terminal.flush()
        except (OSError, ValueError):
            self._terminal = None

    def close(self) -> None:
        """Flush and close the file."""
        self._file.close()

    def _write_file(self, line: str) -> None:
        self._file.emit(logging.LogRecord(OWN_NAME, logging.INFO, "", 0, line, None, None))

    def _paint(self, name: str, text: str) -> str:
        if not self._is_coloured:
            return text
        colour = self._colours.setdefault(name, _COLOURS[len(self._colours) % len(_COLOURS)])
        return f"\033[{colour}m{text}\033[0m"


class LineReader:
    """Takes the output of one process out of a pipe and gives it to the log line by line."""

    def __init__(self, log: Log, name: str, *, noise: tuple[str, ...] = ()) -> None:
        self.name = name
        self._noise = noise
        self.descriptor, self.write_end = os.pipe()
        os.set_blocking(self.descriptor, False)
        self._log = log
        self._rest = b""

    def read(self) -> bool:
        """Move what there is into the log; False at the end of the output."""
        while True:
            try:
                content = os.read(self.descriptor, 65536)
            except BlockingIOError:
                return True
            if not content:
                self._flush()
                return False
            *lines, self._rest = (self._rest + content).split(b"\n")
            for line in lines:
                self._write(line)
            if len(self._rest) > _LONGEST_LINE_BYTES:
                self._flush()

    def close_write_end(self) -> None:
        """Give up our own copy of the writing side once the process has its own."""
        os.close(self.write_end)

    def close(self) -> None:
        """Close the pipe."""
        os.close(self.descriptor)

    def _flush(self) -> None:
        if self._rest:
            self._write(self._rest)
            self._rest = b""

    def _write(self, line: bytes) -> None:
        text = line.decode(errors="replace").rstrip("\r")
        if text and not any(words in text for words in self._noise):
            self._log.write(self.name, text)
