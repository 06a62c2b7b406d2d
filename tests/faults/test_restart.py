"""The whole product on one directory: its supervisor killed, started again, stopped."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from tests.support.product import running_product

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]


def test_supervisor__killed__leaves_nothing_and_the_next_start_goes_on(tmp_path: Path) -> None:
    """Kill -9 of the one process above all others: they go too, and the same administrator and host are there again."""
    data_dir = tmp_path / "var"
    with running_product(data_dir) as product:
        everyone = product.processes()
        assert len(everyone) > 10
        connection = product.connect("Acme")
        product.supervisor.kill()
        _, alive = psutil.wait_procs(everyone, timeout=30)
        assert alive == []
    with running_product(data_dir) as product:
        assert product.connect("Acme again")["application_id"] > connection["application_id"]
