"""How many things of each kind a key may send by Sentry's doors: its SDKs are told kind by kind what to hold back."""

from __future__ import annotations

from dataclasses import dataclass, field

from config.api.authentication import KeyGrant
from config.api.errors import RateLimited
from config.api.throttling import check_rate, find_wait
from config.settings import OPTION
from monitoring.ingestion.limits import read_limits
from monitoring.ingestion.sentry.reports import CATEGORIES


@dataclass(slots=True)
class Limiter:
    """The limits of one request. `whole` is set where the key may send nothing more at all; `waits` are seconds by kind.

    Reports of losses are never limited: they must get through for the account to add up.
    """

    grant: KeyGrant
    whole: RateLimited | None = None
    waits: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of_request(cls, grant: KeyGrant) -> Limiter:
        """Count the request. Beyond the limit it is looked through all the same, for the account."""
        try:
            check_rate(grant)
        except RateLimited as error:
            return cls(grant, error)
        return cls(grant)

    def admits(self, signal: str, count: int = 1) -> bool:
        """Count things of a kind; return whether they may come in."""
        if signal == "client_reports":
            return True
        if self.whole is not None:
            return False
        per_minute = read_limits(tuple(OPTION["KEY_ITEMS_PER_MINUTE"])).get(signal)
        if per_minute is None:
            return True
        wait = find_wait(f"{self.grant.key_id}:{signal}", per_minute=per_minute, cost=count)
        if wait is not None:
            self.waits[signal] = wait
        return wait is None

    @property
    def has_kinds(self) -> bool:
        """Whether there are limits by kind at all."""
        return bool(OPTION["KEY_ITEMS_PER_MINUTE"])

    def charge(self, signal: str, count: int) -> None:
        """Count things that are in already; the next ones may have to wait for it."""
        per_minute = read_limits(tuple(OPTION["KEY_ITEMS_PER_MINUTE"])).get(signal)
        if per_minute is not None:
            find_wait(f"{self.grant.key_id}:{signal}", per_minute=per_minute, cost=count)

    def refuse_kinds(self) -> RateLimited:
        """Return what a request is told of which nothing came in, because of the limits of its kinds."""
        kinds = " and ".join(sorted(self.waits)).replace("_", "-")
        return RateLimited(f"This key may send no more {kinds} for now.", retry_after_seconds=max(self.waits.values()))

    def describe(self) -> str:
        """Return the limits in the words of the protocol, for X-Sentry-Rate-Limits; empty where there are none.

        Source: develop.sentry.dev/sdk/foundations/transport/rate-limiting.
        """
        if self.whole is not None:
            return f"{self.whole.retry_after_seconds}:{';'.join(_CATEGORIES_OF_ALL)}:key:rate_limited"
        told = [
            (wait, ";".join(name for name, kind in CATEGORIES.items() if kind == signal))
            for signal, wait in sorted(self.waits.items())
        ]
        # No category would mean every one.
        return ",".join(f"{wait}:{categories}:key:rate_limited" for wait, categories in told if categories)


_CATEGORIES_OF_ALL = tuple(CATEGORIES)
