"""The world in which weeks are played: people, teams, schedules, channels, policies, rules; stored, and as `reference` sees it."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

from django.contrib.auth.models import Group as Team
from hypothesis import strategies as st

from alerts.escalation import Step, StepKind
from alerts.inhibit_drafts import ComponentDraft, InhibitDraft
from alerts.models import Channel as ChannelRow
from alerts.models import OnCallSchedule, Policy, Route, Rule
from alerts.oncall.rotations import Layer, Restriction, Rotation
from alerts.services.components import save_component
from alerts.services.inhibitions import save_inhibition
from alerts.services.policies import make_draft, save_policy
from config.settings import OPTION
from tests.alerts.weeks import checks
from tests.alerts.weeks.clocks import EVERY_DAY, Hours
from tests.alerts.weeks.directory import Channel, Directory, Person, Roster
from tests.alerts.weeks.holding import Holding
from tests.alerts.weeks.records import Plan
from tests.alerts.weeks.reference import Reference
from tests.support.alerts import make_channel, make_rule
from tests.support.metrics import make_application
from tests.support.on_call import BERLIN, NEW_YORK, WEEKDAYS, Watcher, utc
from tests.support.rosters import make_person, make_roster

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
#: The days before clocks change: New York and Berlin in spring, Berlin and New York in autumn.
BEGINNINGS = (utc(2026, 3, 7, 9), utc(2026, 3, 28, 9), utc(2026, 10, 24, 9), utc(2026, 10, 31, 9))
ZONES = (BERLIN, NEW_YORK)
HOSTS = ("erp1", "erp2")
#: Name of a rule, its severity (empty: drawn), and how long it waits before it fires.
RULES = {
    "Load": ("warning", 0),
    "Overload": ("critical", 0),
    "Site down": ("", 0),
    "Host down": ("critical", 0),
    "Service down": ("warning", 0),
    "Direct": ("info", 0),
    "Routed": ("", 0),
    "Slow": ("info", 300),
}
HOURS = ((time(22), time(6)), (time(8), time(18)), (time(2, 30), time(5)), (time(0, 45), time(2, 15)))

#: The first steps of policies: everybody on call; every channel, and somebody whose address one of them has as well.
BEGIN_WITH: dict[str, list[tuple[StepKind, list[int], dict[str, Any]]]] = {
    "First": [(StepKind.SCHEDULE, [0, 1], {})],
    "Second": [(StepKind.CHANNEL, [0, 1, 2, 3], {}), (StepKind.PERSON, [0], {})],
}

zones = st.sampled_from(ZONES)
spans = st.sampled_from([MINUTE, 7 * MINUTE, HOUR, 3 * HOUR, 5 * HOUR, DAY])
hours = st.builds(lambda pair, zone: Hours(*pair, zone), st.sampled_from(HOURS), zones)
places = st.integers(0, 1_000)


@st.composite
def layers(draw: st.DrawFn, people: list[int], first: datetime) -> Layer:
    """Layers that began some days ago; people are named by their place."""
    start = first + draw(st.integers(0, 8)) * DAY + draw(st.sampled_from([0, 2, 2.5, 9])) * HOUR
    begins, ends = draw(st.sampled_from(HOURS))
    return Layer(
        layer_id=0,
        name="Layer",
        zone=draw(zones),
        starts_at=start.replace(tzinfo=None),
        rotation=draw(st.sampled_from(list(Rotation))),
        participants=tuple(
            draw(
                st.lists(
                    st.lists(st.sampled_from(people), min_size=1, max_size=2, unique=True).map(tuple),
                    min_size=1,
                    max_size=3,
                )
            )
        ),
        interval=draw(st.integers(1, 3)),
        restrictions=(Restriction(draw(st.sampled_from([WEEKDAYS, frozenset(EVERY_DAY)])), begins, ends),)
        if draw(st.booleans())
        else (),
    )


reaching = st.sampled_from(
    [StepKind.CHANNEL, StepKind.PERSON, StepKind.SCHEDULE, StepKind.TEAM, StepKind.ROUND_ROBIN]
).flatmap(lambda kind: st.tuples(st.just(kind), st.lists(places, min_size=1, max_size=3), st.just({})))
waits = st.builds(lambda seconds: (StepKind.WAIT, [], {"seconds": seconds}), st.sampled_from([60, 600, 3600, 5 * 3600]))
conditions = st.one_of(
    waits,
    st.builds(
        lambda pair, zone, days: (
            StepKind.IF_TIME,
            [],
            {"start": f"{pair[0]:%H:%M}", "end": f"{pair[1]:%H:%M}", "zone": zone, "weekdays": days},
        ),
        st.sampled_from(HOURS),
        zones,
        st.sampled_from([(), (0, 1, 2, 3, 4), (6,)]),
    ),
    st.builds(lambda count: (StepKind.IF_COUNT, [], {"seconds": 3600, "count": count}), st.integers(1, 2)),
)


@st.composite
def step_lists(draw: st.DrawFn) -> list[Any]:
    """Steps of a policy that can be saved: kind, places of its targets, fields."""
    steps = [draw(conditions)] if draw(st.integers(0, 3)) == 0 else []
    steps.append(draw(reaching))
    for _ in range(draw(st.integers(0, 2))):
        steps += [draw(conditions), draw(reaching)]
    if draw(st.booleans()):
        steps += [draw(waits), (StepKind.REPEAT, [], {"count": draw(st.integers(1, 3))})]
    return steps


class World:
    """Everything that is set up before time goes on."""

    def __init__(self, data: st.DataObject, now: datetime) -> None:
        """Draw and store a world; nothing of it has happened before `now`."""
        self.now = now
        first = make_application()
        second = make_application(slug=first.slug, environment="staging")
        self.applications = {f"{each.slug}/{each.environment}": each.pk for each in (first, second)}
        people = [make_person(name) for name in ("anna", "ben", "carla", "david")]
        people.append(make_person("eve", email=""))
        self.users = {user.pk: user for user in people}
        self.reference = Reference(
            Directory(
                people={user.pk: Person(user.pk, user.username, user.email) for user in people},
                teams=self._build_teams(people),
                channels=self._build_channels(data),
            ),
            Holding(
                inhibitions=[("Overload", "Load")],
                needs={"Host down": ["Site down"], "Service down": ["Site down", "Host down"]},
            ),
        )
        self.rules: dict[str, Rule] = {}
        self._build_rosters(data)
        self._build_rules(data, [self._build_policy(data, name) for name in ("First", "Second", "Third")])
        self._build_dependencies()

    def _build_teams(self, people: list[Any]) -> dict[int, tuple[int, ...]]:
        teams = {}
        for number, members in enumerate((people[:2], people[3:])):
            team = Team.objects.create(name=f"Team {number}")
            team.user_set.set(members)
            teams[team.pk] = tuple(sorted(user.pk for user in members))
        return teams

    def _build_channels(self, data: st.DataObject) -> dict[int, Channel]:
        quiet = data.draw(hours, "quiet hours")
        rows = {
            "ops": (make_channel("ops@example.com, anna@example.com", is_default=True), {}),
            "hook": (make_channel("https://hooks.example.com/alerts", kind="webhook"), {}),
            "limited": (
                make_channel("limited@example.com, ops@example.com", limit_count=2, limit_minutes=120),
                {"limit": (2, 2 * HOUR)},
            ),
            "quiet": (
                make_channel(
                    "quiet@example.com, limited@example.com, ops@example.com",
                    quiet_from=quiet.start,
                    quiet_until=quiet.end,
                    quiet_zone=quiet.zone,
                ),
                {"quiet": quiet},
            ),
        }
        return {row.pk: Channel(row.pk, tuple(row.address.split(", ")), **fields) for row, fields in rows.values()}

    def _build_rosters(self, data: st.DataObject) -> None:
        first = (self.now - 20 * DAY).replace(hour=0)
        first -= first.weekday() * DAY
        for _ in range(2):
            rota = tuple(data.draw(st.lists(layers(list(self.users), first), min_size=1, max_size=2), "layers"))
            row = make_roster(layers=rota)
            watched = [Watcher(layer) for layer in rota]
            self.reference.directory.rosters[row.pk] = Roster(row.pk, row.name, watched, first - 2 * DAY)

    def _build_policy(self, data: st.DataObject, name: str) -> Plan:
        patience = {
            "wait": data.draw(st.sampled_from([0, 30, 600])),
            "interval": data.draw(st.sampled_from([1200, 4 * 3600, 10 * 3600])),
            "repeat": data.draw(st.sampled_from([3600, 5 * 3600, 86_400])),
        }
        patient = [(None, None), (None, 5400)] if name == "Third" else [(7200, None), (5400, 40_000)]
        reminder, expiry = data.draw(st.sampled_from(patient))
        group_by = data.draw(st.sampled_from([(), ("application",), ("alertname", "host")]))
        policy = Policy(
            name=name,
            group_by=list(group_by),
            ack_reminder_seconds=reminder,
            ack_expiry_seconds=expiry,
            **{f"group_{each}_seconds": patience[each] for each in ("wait", "interval")},
            repeat_interval_seconds=patience["repeat"],
        )
        drafts = [self._draft_step(*step) for step in [*BEGIN_WITH.get(name, []), *data.draw(step_lists(), name)]]
        save_policy(policy=policy, steps=drafts)
        return Plan(
            f"policy:{policy.pk}",
            name,
            tuple(draft.step for draft in drafts),
            **{each: timedelta(seconds=seconds) for each, seconds in patience.items()},
            group_by=group_by or ("alertname", "application"),
            reminder=timedelta(seconds=reminder) if reminder else None,
            expiry=timedelta(seconds=expiry) if expiry else None,
        )

    def _draft_step(self, kind: StepKind, chosen: list[int], fields: dict[str, Any]) -> Any:
        rows: dict[StepKind, list[Any]] = {
            StepKind.CHANNEL: list(ChannelRow.objects.order_by("pk")),
            StepKind.PERSON: list(self.users.values()),
            StepKind.ROUND_ROBIN: list(self.users.values()),
            StepKind.TEAM: list(Team.objects.order_by("pk")),
            StepKind.SCHEDULE: list(OnCallSchedule.objects.order_by("pk")),
        }
        targets = {row.pk: row for place in chosen for row in [rows[kind][place % len(rows[kind])]]}
        return make_draft(kind, targets.values(), **fields)

    def _build_rules(self, data: st.DataObject, plans: list[Plan]) -> None:
        usual = {"wait": OPTION["GROUP_WAIT_SECONDS"], "interval": OPTION["GROUP_INTERVAL_SECONDS"]}
        patience = {name: timedelta(seconds=seconds) for name, seconds in usual.items()}
        patience["repeat"] = timedelta(seconds=OPTION["REPEAT_INTERVAL_SECONDS"])
        channels = list(self.reference.directory.channels)
        for name, (severity, hold) in RULES.items():
            chosen = severity or data.draw(st.sampled_from(["info", "critical"]), name)
            made = make_rule(
                name=name,
                severity=chosen,
                for_seconds=hold,
                channel_ids=tuple(channels) if name == "Direct" else (),
                annotations={"summary": checks.SUMMARY},
            )
            self.rules[name] = made
            if name == "Direct":
                step = Step(StepKind.CHANNEL, targets=tuple(channels))
                self.reference.destinations[name] = [Plan(f"rule:{made.pk}", name, (step,), **patience)]
            elif name == "Routed":
                for plan in plans[:2]:
                    Route.objects.create(
                        name=plan.name, matchers='{alertname="Routed"}', policy_id=plan.key[7:], continues=True
                    )
                self.reference.destinations[name] = plans[:2]
            elif name == "Slow":
                step = Step(StepKind.CHANNEL, targets=tuple(channels[:1]))
                self.reference.destinations[name] = [Plan("default", "Default channels", (step,), **patience)]
            else:
                plan = data.draw(st.sampled_from(plans), name)
                Rule.objects.filter(pk=made.pk).update(policy_id=plan.key[7:])
                self.reference.destinations[name] = [plan]

    def _build_dependencies(self) -> None:
        save_inhibition(
            draft=InhibitDraft("Overload", 'alertname="Overload"', 'alertname="Load"', ("application", "host"))
        )
        above: tuple[int, ...] = ()
        for name in ("Site down", "Host down", "Service down"):
            above = (save_component(draft=ComponentDraft(name, f'alertname="{name}"', parent_ids=above)).pk,)
