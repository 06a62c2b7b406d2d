"""`python -m config.supervisor`: everything up, until Ctrl-C.

Exit codes: 0 after an orderly stop, 1 when something could not be started, 2 for a setting that cannot be.
"""

from __future__ import annotations

import argparse
import os
import sys

from config.engines.errors import EngineError
from config.supervisor.plan import PlanError, read_plan
from config.supervisor.run import run_product


def main() -> int:
    """Run the product as the environment asks; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m config.supervisor", description="Start everything, until Ctrl-C.")
    parser.add_argument("--engines-only", action="store_true", help="PostgreSQL and Valkey alone: restores, repairs")
    only_engines = parser.parse_args().engines_only
    try:
        plan = read_plan(os.environ)
    except PlanError as error:
        print(f"Postlaunch cannot start: {error}", file=sys.stderr)
        return 2
    try:
        return run_product(plan, environ=os.environ, only_engines=only_engines)
    except EngineError as error:
        print(f"Postlaunch cannot start: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
