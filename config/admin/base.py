"""The one class between the admin theme and every ModelAdmin of the project."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models import ManyToManyField
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from config.admin.fields import Checklist, describe_person
from config.crypto import EncryptedTextField


class ChecklistsMixin:
    """Has several of a list ticked, where Django would have them picked with a key held down."""

    autocomplete_fields: ClassVar[Any] = ()

    def formfield_for_manytomany(self, db_field: ManyToManyField[Any, Any], request: HttpRequest, **kwargs: Any) -> Any:
        """Choose the widget, and name people in full."""
        if db_field.name not in self.autocomplete_fields:
            kwargs.setdefault("widget", Checklist())
        field = super().formfield_for_manytomany(db_field, request, **kwargs)  # type: ignore[misc]  # of the class it is mixed into
        if field is not None and issubclass(db_field.related_model, AbstractBaseUser):
            field.label_from_instance = describe_person
        return field


class BaseAdmin(ChecklistsMixin, ModelAdmin):
    """Defaults every list shares: fifty rows, no full counts, filters that stay, warnings before work is lost.

    An empty list says `empty_title` and `empty_text` (the next step), with a button to `empty_url` (a URL name) named
    `empty_action`; without one, the button adds a row if the reader may. Chips, times and numbers for columns come from
    config/templatetags/look.py.
    """

    list_per_page = 50
    show_full_result_count = False
    list_filter_submit = True
    list_filter_sheet = True
    list_fullwidth = True
    warn_unsaved_form = True
    compressed_fields = True
    empty_title = ""
    empty_text = ""
    empty_url = ""
    empty_action = ""
    #: Fields of the form that no model has, which take a secret.
    secret_fields: ClassVar[tuple[str, ...]] = ()

    def get_fieldsets(self, request: HttpRequest, obj: Any | None = None) -> Any:
        """Leave secrets out for who may only look: without a form, fields would be shown as they are stored."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or self.has_change_permission(request, obj):
            return fieldsets
        stored = {field.name for field in self.model._meta.get_fields() if isinstance(field, EncryptedTextField)}
        hidden = stored.union(self.secret_fields)
        return [(title, {**options, "fields": _without(options["fields"], hidden)}) for title, options in fieldsets]


def _without(fields: Any, hidden: set[str]) -> list[Any]:
    """Return the fields of a fieldset, some of which stand in one row, without those that are hidden."""
    left = [_without(field, hidden) if isinstance(field, list | tuple) else field for field in fields]
    return [field for field in left if field and (isinstance(field, list) or field not in hidden)]


class ReadOnlyAdmin(BaseAdmin):
    """For rows that only services write: everything can be read and nothing edited by hand."""

    actions_selection_counter = True

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody adds these by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        """Nobody edits these by hand; actions call services."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        """Retention drops them."""
        return False
