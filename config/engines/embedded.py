"""Both engines for a stretch of code: what tests and benchmarks use, and what a supervisor does step by step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from config.engines.children import Output
from config.engines.engine import Engine
from config.engines.lock import DirectoryLock
from config.engines.postgres import EmbeddedPostgres
from config.engines.valkey import EmbeddedValkey


@contextmanager
def run_engines(
    data_dir: Path,
    *,
    address: str,
    output: Output = None,
    postgres: bool = True,
    valkey: bool = True,
    postgres_overrides: Mapping[str, str] | None = None,
) -> Iterator[list[Engine]]:
    """Hold DATA_DIR, run the wanted engines, stop them at the end. Raises EngineError.

    `address` is what another start on the same directory is told about this one.
    """
    with DirectoryLock(data_dir, address=address), ExitStack() as stack:
        engines: list[Engine] = []
        if postgres:
            engines.append(EmbeddedPostgres(data_dir, overrides=postgres_overrides))
        if valkey:
            engines.append(EmbeddedValkey(data_dir))
        for engine in engines:
            stack.callback(engine.stop)
            engine.start(output=output)
        yield engines
