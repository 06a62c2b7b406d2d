"""Components: saved and deleted; whatever changes takes effect at once."""

from __future__ import annotations

from django.db import connection, transaction

from alerts.held import is_component_named
from alerts.inhibit_drafts import ComponentDraft, DraftInvalid, check_component
from alerts.models import Component
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
    check_component(draft, component_id=row.pk or 0, others=read_components())
    if is_component_named(draft.name.strip(), application_id=draft.application_id, except_id=row.pk or 0):
        raise DraftInvalid({"name": "There is a component of this name."})
    row.name, row.matchers, row.application_id = draft.name.strip(), draft.matchers.strip(), draft.application_id
    row.save()
    row.depends_on.set(draft.parent_ids)
    _turn.on_commit()
    return row


@transaction.atomic
def delete_component(*, component: Component) -> None:
    """Delete a component; what needed it is held by it no more."""
    component.delete()
    _turn.on_commit()
