"""When the digest runs on, and when it leaves work to another."""

from __future__ import annotations

import pytest

from monitoring.errors import tasks
from monitoring.errors.services.digesting import BATCH, Digested
from monitoring.errors.tasks import digest_errors


def test_digest_errors__woken_while_it_runs__looks_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second message ends at once; what it was sent for is found by the first."""
    looks: list[int] = []

    def look() -> Digested:
        looks.append(1)
        if len(looks) == 1:
            digest_errors()
            assert looks == [1]
        return Digested()

    monkeypatch.setattr(tasks, "digest_batch", look)
    digest_errors()
    assert len(looks) == 2


def test_digest_errors__full_batches__goes_on_until_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    batches = [Digested(kept=BATCH), Digested(kept=BATCH - 1, set_aside=1), Digested(kept=3), Digested(kept=BATCH)]
    left = iter(batches)
    monkeypatch.setattr(tasks, "digest_batch", lambda: next(left))
    digest_errors()
    assert list(left) == [batches[3]]
