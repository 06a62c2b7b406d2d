"""`make bench`: print a table of figures, each beside its floor, and write them as JSON to artefacts/bench.json."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from tests.benchmarks import errors, ingest, memory, queries, rules, telling
from tests.benchmarks.report import Figure, print_table
from tests.support.product import ROOT, Product, running_product

#: In the order in which they are run: later ones read what earlier ones wrote.
SECTIONS: dict[str, Callable[[Product], list[Figure]]] = {
    "memory": memory.measure,
    "ingest": ingest.measure,
    "queries": queries.measure,
    "rules": rules.measure,
    "telling": telling.measure,
    "errors": errors.measure,
}

RATES = {"KEY_REQUESTS_PER_MINUTE": "10000000", "PUBLIC_KEY_REQUESTS_PER_MINUTE": "10000000"}


def main() -> None:
    """Start the product on an empty directory, run the sections asked for, stop it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", choices=[*SECTIONS, []], help="default: all")
    parser.add_argument("--json", type=Path, default=ROOT / "artefacts" / "bench.json")
    arguments = parser.parse_args()
    figures: list[Figure] = []
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="postlaunch-bench-")))
        # The agent stays as it is: a real installation measures its host too.
        product = stack.enter_context(running_product(directory / "var", **RATES))
        for name in arguments.sections or SECTIONS:
            print(f"… {name}", flush=True)
            measured = SECTIONS[name](product)
            print_table(measured)
            figures.extend(measured)
    print()
    print_table(figures)
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps([asdict(figure) for figure in figures], indent=2) + "\n")


if __name__ == "__main__":
    main()
