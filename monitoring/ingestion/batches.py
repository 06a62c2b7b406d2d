"""What a request brought, whatever the protocol it came in. Pure: adapters make batches, `storing` keeps them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

COLUMNS = ("stored", "refused", "limited", "dropped", "sampled", "lost")


@dataclass(slots=True)
class Account:
    """What becomes of the things of one request, by signal (a value of `losses.enums.Signal`) and column."""

    counts: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(self, signal: str, column: str, count: int = 1) -> None:
        """Count something."""
        self.counts[signal, column] = self.counts.get((signal, column), 0) + count

    def total(self, column: str) -> int:
        """Return how many things of all kinds a column has."""
        return sum(count for (_, name), count in self.counts.items() if name == column)


@dataclass(slots=True)
class Batch:
    """Records of any kinds that `storing.WRITERS` knows, and the account of them and of what was not taken.

    Each record names its application itself. All of a batch is stored in one transaction, or nothing.
    """

    application_id: int
    records: list[Any] = field(default_factory=list)
    account: Account = field(default_factory=Account)

    def add(self, record: Any, *, signal: str, count: int = 1) -> None:
        """Take a record, which counts as `count` stored things of a signal."""
        self.records.append(record)
        self.account.add(signal, "stored", count)
