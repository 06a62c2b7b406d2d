"""Components: saved and deleted; whatever changes takes effect at once."""

from __future__ import annotations

from django.db import connection, transaction
from django.db.models import Q

from alerts.inhibit_drafts import ComponentDraft, DraftInvalid, find_component_errors
from alerts.models import Component
from alerts.routing.components import MAX_COMPONENTS
from alerts.services.holding import read_components
from config.nudges import Nudge

_turn = Nudge("alerts.tasks.notify", "evaluate")
#: Two changes at once could make a loop that neither has.
_LOCK = "LOCK TABLE alerts_component IN SHARE ROW EXCLUSIVE MODE"


@transaction.atomic
def save_component(*, draft: ComponentDraft, component: Component | None = None) -> Component:
    """Make or change a component with what it needs; raise DraftInvalid, also for a loop."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK)
    row = Component() if component is None else Component.objects.select_for_update().get(pk=component.pk)
    check_new_component(draft=draft, component_id=row.pk or 0)
    row.name, row.matchers, row.application_id = draft.name.strip(), draft.matchers.strip(), draft.application_id
    row.save()
    row.depends_on.set(draft.parent_ids)
    _turn.on_commit()
    return row


def check_new_component(*, draft: ComponentDraft, component_id: int) -> None:
    """Raise DraftInvalid, with all that is wrong, unless a component can be saved beside the others; `component_id` 0: it is new."""
    errors = find_component_errors(draft, component_id=component_id, others=read_components())
    others = Component.objects.filter(Q(application_id=draft.application_id)).exclude(pk=component_id)
    if others.filter(name=draft.name.strip()).exists():
        errors.setdefault("name", "There is a component of this name.")
    if others.count() >= MAX_COMPONENTS:
        errors.setdefault("name", f"There can be {MAX_COMPONENTS:,} of one application, or of all, at most.")
    if errors:
        raise DraftInvalid(errors)


@transaction.atomic
def delete_component(*, component: Component) -> None:
    """Delete a component; what needed it is held by it no more."""
    component.delete()
    _turn.on_commit()
