"""Rules in from Prometheus rule files, all or nothing, and out again."""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.db.models import QuerySet

from alerts.drafts import RuleDraft
from alerts.models import Channel, Policy, Rule
from alerts.rulefiles import (
    GROUP,
    FileError,
    FileRule,
    FileWarning,
    RuleFile,
    RuleFileInvalid,
    read_rule_file,
    write_rule_file,
)
from alerts.services.rules import RuleChange, RulesInvalid, draft_of, save_rules
from config.actors import Actor
from config.settings import OPTION
from monitoring.applications.selectors import list_applications

_Owned = TypeVar("_Owned", Channel, Policy)

_IMPORT_LOCK = 0x72756C65  # one advisory lock for whoever imports rules, so that the same file sent twice is taken once
_WORDS = {
    "for_seconds": "for",
    "keep_firing_for_seconds": "keep firing for",
    "clear_condition": "clear condition",
    "no_data_after_seconds": "no data after",
    "channel_ids": "channels",
    "policy_id": "policy",
    "owner_id": "owner",
}


@dataclass(frozen=True, slots=True)
class ImportedRule:
    """One rule of a file. `fields` are those that change, in words; `line` is where it stands in the file."""

    name: str
    severity: str
    line: int
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import does with the rules of a file, in the file's order, and what it does not take over."""

    created: tuple[ImportedRule, ...]
    changed: tuple[ImportedRule, ...]
    unchanged: tuple[ImportedRule, ...]
    warnings: tuple[FileWarning, ...]


@dataclass(frozen=True, slots=True)
class _Step:
    """What is to be done for one rule of a file: `rule` None is a new one, no `fields` is nothing."""

    written: FileRule
    rule: Rule | None
    draft: RuleDraft
    fields: tuple[str, ...]

    @property
    def outcome(self) -> ImportedRule:
        """The rule for people to read."""
        return ImportedRule(self.written.name, self.written.severity, self.written.line, self.fields)


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """What names in a file mean here."""

    channels: dict[str, Channel]
    policies: dict[str, Policy]
    applications: dict[str, int]
    owners: dict[str, int]

    def find_target(self, rule: FileRule, application_id: int | None) -> int | None:
        """Return whose a rule is to be: of the chosen application, else of the one that the file names; None: of all."""
        return application_id if application_id is not None else self.applications.get(rule.application or "")

    def find_channel(self, name: str, application_id: int | None) -> Channel | None:
        """Return the channel of a name that rules of an application (None: of all) can name. What is another's is not there."""
        return _keep_usable(self.channels.get(name), application_id)

    def find_policy(self, name: str, application_id: int | None) -> Policy | None:
        """Return the escalation policy of a name, as `find_channel` does."""
        return _keep_usable(self.policies.get(name), application_id)


@transaction.atomic
def import_rule_file(*, text: str, by: Actor, application_id: int | None, replace: bool = True) -> Imported:
    """Create and change the rules of a rule file; raise RuleFileInvalid, and store nothing, if anything in it is wrong.

    `application_id` is where all rules go; None: where the file says, which is all applications if it says nothing. A rule
    is found again by group, alert, severity and application, so importing a file twice changes nothing. `replace` False
    leaves rules that are here already as they are. What a file does not say of channels, policy, clear condition, owner
    and whether the rule is on stays as it is. Rules that are not in the file are left alone.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_IMPORT_LOCK])
    steps, imported = _plan(text, application_id, replace)
    taken = [step for step in steps if step.rule is None or step.fields]
    try:
        save_rules(changes=[RuleChange(step.draft, step.rule, step.written.identity) for step in taken], by=by)
    except RulesInvalid as error:
        wrong = [(taken[place].written, why) for place, why in error.errors.items()]
        raise RuleFileInvalid(FileError(rule.line, rule.where, str(why)) for rule, why in wrong) from error
    return imported


def preview_rule_file(*, text: str, application_id: int | None, replace: bool = True) -> Imported:
    """Return what import_rule_file would do now; raise RuleFileInvalid. Nothing is stored."""
    return _plan(text, application_id, replace)[1]


def export_rule_file(rules: QuerySet[Rule]) -> str:
    """Return rules as a rule file. The same rules make the same text, and importing it here changes nothing."""
    found = rules.order_by("pk").select_related("application", "owner", "policy").prefetch_related("channels")
    names = {pk: name for name, pk in _name_applications().items()}
    return write_rule_file(_describe(rule, names) for rule in found)


def _name_applications() -> dict[str, int]:
    """Return all applications by the name that a file calls them: the short name, if only one has it, else with the environment.

    What is unmistakable is understood either way; each application's last name here is the one to be written.
    """
    known = list(list_applications().order_by("pk").values_list("pk", "slug", "environment"))
    shared = Counter(slug for _, slug, _ in known)
    named = {f"{slug}/{environment}": pk for pk, slug, environment in known}
    return named | {slug: pk for pk, slug, _ in known if shared[slug] == 1}


def _describe(rule: Rule, names: Mapping[int, str]) -> FileRule:
    """Return a rule as a file says it; what is as it would be without a word is left out."""
    group, origin = _split_origin(rule)
    return FileRule(
        group=group,
        name=rule.name,
        condition=_settle(rule.condition),
        severity=rule.severity,
        for_seconds=rule.for_seconds,
        keep_firing_for_seconds=rule.keep_firing_for_seconds,
        labels=rule.labels,
        annotations=rule.annotations,
        clear_condition=_settle(rule.clear_condition) or None,
        no_data_after_seconds=rule.no_data_after_seconds or None,
        channels=tuple(channel.name for channel in rule.channels.all()) or None,
        policy=rule.policy.name if rule.policy else None,
        application=names[rule.application_id] if rule.application_id is not None else None,
        enabled=None if rule.enabled else False,
        owner=rule.owner.get_username() if rule.owner else None,
        origin=origin,
    )


def _split_origin(rule: Rule) -> tuple[str, str]:
    """Return the group that a rule is written in, and its origin if that does not follow from group and name."""
    if not rule.origin:
        return GROUP, ""
    group = rule.origin.removesuffix(f"/{rule.name}")
    if group and group != rule.origin:
        return group, ""
    return rule.origin.rpartition("/")[0] or GROUP, rule.origin


def _plan(text: str, application_id: int | None, replace: bool) -> tuple[list[_Step], Imported]:
    file = read_rule_file(text, interval_seconds=OPTION["RULE_INTERVAL_SECONDS"])
    surroundings = _read_surroundings(file)
    errors = [
        *(_find_strange_applications(file, surroundings) if application_id is None else ()),
        *_find_strange_policies(file, surroundings, application_id),
    ]
    if errors:
        raise RuleFileInvalid(errors)
    steps = list(_plan_steps(file, surroundings, application_id))
    left = [step for step in steps if step.fields and not replace]
    if not replace:
        steps = [dataclasses.replace(step, fields=()) for step in steps]
    warnings = [
        *file.warnings,
        *_find_lost_names(file, surroundings, application_id),
        *(_warn_left(step) for step in left),
    ]
    return steps, Imported(
        created=tuple(step.outcome for step in steps if step.rule is None),
        changed=tuple(step.outcome for step in steps if step.fields),
        unchanged=tuple(step.outcome for step in steps if step.rule is not None and not step.fields),
        warnings=tuple(sorted(warnings, key=lambda warning: warning.line)),
    )


def _plan_steps(file: RuleFile, surroundings: _Surroundings, application_id: int | None) -> Iterator[_Step]:
    """Yield a step for each rule. Several that are known by the same are told apart by their order."""
    known: dict[tuple[str, str, int | None], deque[Rule]] = defaultdict(deque)
    for rule in Rule.objects.order_by("pk").prefetch_related("channels"):
        identity = rule.origin or f"{GROUP}/{rule.name}"
        known[identity, rule.severity, rule.application_id].append(rule)
    for written in file.rules:
        target = surroundings.find_target(written, application_id)
        waiting = known[written.identity, written.severity, target]
        found = waiting.popleft() if waiting else None
        before = draft_of(found) if found is not None else None
        draft = _draft(written, before, surroundings, target)
        yield _Step(written, found, draft, _list_differences(before, draft) if before is not None else ())


def _draft(
    written: FileRule, before: RuleDraft | None, surroundings: _Surroundings, application_id: int | None
) -> RuleDraft:
    """Return what the rule is to be: what the file says, over what is here."""
    draft = dataclasses.replace(
        before or RuleDraft(name=written.name, condition=written.condition),
        name=written.name,
        condition=written.condition,
        severity=written.severity,
        for_seconds=written.for_seconds,
        keep_firing_for_seconds=written.keep_firing_for_seconds,
        labels=written.labels,
        annotations=written.annotations,
        application_id=application_id,
    )
    if written.clear_condition is not None:
        draft = dataclasses.replace(draft, clear_condition=written.clear_condition)
    if written.no_data_after_seconds is not None:
        draft = dataclasses.replace(draft, no_data_after_seconds=written.no_data_after_seconds)
    if written.enabled is not None:
        draft = dataclasses.replace(draft, enabled=written.enabled)
    if written.channels is not None:
        found = [surroundings.find_channel(name, application_id) for name in written.channels]
        draft = dataclasses.replace(draft, channel_ids=tuple(channel.pk for channel in found if channel is not None))
    if written.policy is not None:
        policy = surroundings.find_policy(written.policy, application_id)
        draft = dataclasses.replace(draft, policy_id=policy.pk if policy is not None else None)
    if written.owner is not None and (not written.owner or written.owner in surroundings.owners):
        draft = dataclasses.replace(draft, owner_id=surroundings.owners.get(written.owner))
    return draft


def _list_differences(before: RuleDraft, after: RuleDraft) -> tuple[str, ...]:
    """Return which fields differ, in words. Line ends and blanks around a text are no difference: forms change them."""
    return tuple(
        _WORDS.get(field.name, field.name)
        for field in dataclasses.fields(RuleDraft)
        if _comparable(getattr(before, field.name)) != _comparable(getattr(after, field.name))
    )


def _comparable(value: object) -> object:
    if isinstance(value, str):
        return _settle(value)
    if isinstance(value, dict):
        return {name: _settle(text) for name, text in value.items()}
    return sorted(value) if isinstance(value, tuple) else value


def _settle(text: str) -> str:
    return text.replace("\r\n", "\n").strip()


def _read_surroundings(file: RuleFile) -> _Surroundings:
    owners = {rule.owner for rule in file.rules if rule.owner}
    channels = {name for rule in file.rules for name in rule.channels or ()}
    policies = {rule.policy for rule in file.rules if rule.policy}
    users = get_user_model().objects.filter(username__in=owners)
    return _Surroundings(
        channels={channel.name: channel for channel in Channel.objects.filter(name__in=channels)},
        policies={policy.name: policy for policy in Policy.objects.filter(name__in=policies)},
        applications=_name_applications(),
        owners=dict(users.values_list("username", "pk")),
    )


def _keep_usable(row: _Owned | None, application_id: int | None) -> _Owned | None:
    """Return a row if it belongs to all applications or to this one."""
    return row if row is not None and row.application_id in (None, application_id) else None


def _find_strange_applications(file: RuleFile, surroundings: _Surroundings) -> Iterator[FileError]:
    """Yield an error for each rule of an application that is not here: it must not judge all the others instead."""
    for rule in file.rules:
        if rule.application and rule.application not in surroundings.applications:
            message = (
                f"There is no application “{rule.application}” here, or several have this short name: write it with the "
                "environment, like erp/production, or choose the one that the rules are for."
            )
            yield FileError(rule.line, rule.where, message)


def _find_strange_policies(
    file: RuleFile, surroundings: _Surroundings, application_id: int | None
) -> Iterator[FileError]:
    """Yield an error for each rule whose policy can't be used where it goes: without it others would be told, or nobody."""
    for rule in file.rules:
        target = surroundings.find_target(rule, application_id)
        if rule.policy and surroundings.find_policy(rule.policy, target) is None:
            message = (
                f"There is no escalation policy “{rule.policy}” here that this rule can name. Make one for its application or for "
                "all, or take the name out."
            )
            yield FileError(rule.line, rule.where, message)


def _find_lost_names(file: RuleFile, surroundings: _Surroundings, application_id: int | None) -> Iterator[FileWarning]:
    """Yield what a file names that is not here, or is not where the rules go; each name of an application once."""
    named: set[str] = set()
    for rule in file.rules:
        target = surroundings.find_target(rule, application_id)
        for name in rule.channels or ():
            if surroundings.find_channel(name, target) is None:
                words = f"There is no channel “{name}” here that this rule can name; it is left out."
                yield FileWarning(rule.line, rule.where, words)
        if rule.owner and rule.owner not in surroundings.owners:
            yield FileWarning(rule.line, rule.where, f"There is no user “{rule.owner}” here; the owner is not set.")
        slug = rule.application or ""
        is_elsewhere = application_id is not None and surroundings.applications.get(slug) != application_id
        if slug and is_elsewhere and slug not in named:
            named.add(slug)
            yield FileWarning(
                rule.line, rule.where, f"Rules of the application “{slug}” go to the one that was chosen instead."
            )


def _warn_left(step: _Step) -> FileWarning:
    message = f"The rule here differs ({', '.join(step.fields)}) and is left as it is."
    return FileWarning(step.written.line, step.written.where, message)
