"""What happens by itself: time goes on, values cross their thresholds."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.alerts.weeks.clocks import DAY, MINUTE
from tests.alerts.weeks.machine import HOUR, Machine
from tests.alerts.weeks.world import HOSTS, RULES


class Happenings(Machine):
    """Time and alerts."""

    # Time.

    @rule(turns=st.integers(1, 12))
    def go_on(self, turns: int) -> None:
        """Take the next turns, each at the moment at which something is due."""
        self.pass_turns(turns)

    @rule(seconds=st.integers(1, 20_000))
    def look_in(self, seconds: int) -> None:
        """Take a turn at any moment, on time for most of what is due until then."""
        end = self.now + timedelta(seconds=seconds)
        for _ in range(8):
            if (at := self.find_next_event()) < end:
                self.move(at)
                self.turn()
        self.move(end)
        self.turn()

    @rule(away=st.sampled_from([10 * MINUTE, 3 * HOUR, 2 * DAY, 5 * DAY]))
    def be_away(self, away: timedelta) -> None:
        """Let the product be down for some time: what was due then is late."""
        self.move(self.now + away)
        self.turn()

    # Alerts.

    @rule(name=st.sampled_from(list(RULES)), host=st.sampled_from(HOSTS), where=st.sampled_from([0, 0, 0, 1]))
    def change(self, name: str, host: str, where: int) -> None:
        """Let something break, or recover."""
        self.switch(name, self.slugs[where], host)

    @rule(names=st.sets(st.sampled_from(list(RULES)), min_size=2), turns=st.integers(1, 12))
    def break_down(self, names: set[str], turns: int) -> None:
        """Let much break at once, and time go on."""
        for name in sorted(names):
            for host in HOSTS:
                if (name, self.slugs[0], host) not in self.up:
                    self.switch(name, self.slugs[0], host)
        self.pass_turns(turns)

    @rule(share=st.integers(1, 4), turns=st.integers(1, 4))
    def recover(self, share: int, turns: int) -> None:
        """Let some of what is broken recover."""
        for name, slug, host in sorted(self.up)[::share]:
            self.switch(name, slug, host)
        self.pass_turns(turns)

    @rule(host=st.sampled_from(HOSTS))
    def break_by_night(self, host: str) -> None:
        """Let something break, or recover, in a channel's quiet hours, and time go on until they are over."""
        quiet = next(channel.quiet for channel in self.reference.directory.channels.values() if channel.quiet)
        self.move(quiet.find_opening(self.now) + MINUTE)
        self.turn()
        self.switch("Direct", self.slugs[0], host)
        self.pass_turns(8)

    @rule(name=st.sampled_from(list(RULES)))
    def look_again(self, name: str) -> None:
        """Evaluate a rule whose values stay as they are."""
        self.evaluate(name, self.slugs[0])

    @rule(name=st.sampled_from(["Load", "Overload", "Host down", "Direct"]), times=st.integers(2, 6))
    def flutter(self, name: str, times: int) -> None:
        """Let a value cross its threshold up and down."""
        for _ in range(times):
            self.switch(name, self.slugs[0], HOSTS[0])
            self.move(self.now + MINUTE)
            self.turn()
