"""People and roles in the admin."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from config.admin.base import BaseAdmin
from config.templatetags.look import ago, chip

admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(User)
class PersonAdmin(DjangoUserAdmin, BaseAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """Who may sign in, and as what."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ["username", "show_name", "email", "show_roles", "show_state", "show_last_login"]
    list_filter = ["is_active", "is_superuser", "groups"]
    search_help_text = "Name or mail address"
    filter_horizontal = []
    autocomplete_fields = ["groups"]
    fieldsets = [
        (None, {"fields": ["username", "password"]}),
        ("Person", {"fields": ["first_name", "last_name", "email"]}),
        (
            "May",
            {
                "description": "Staff may sign in here. Roles say what they may see and do; administrators may do everything.",
                "fields": ["is_active", "is_staff", "is_superuser", "groups"],
            },
        ),
        ("When", {"fields": ["last_login", "date_joined"]}),
    ]
    readonly_fields = ["last_login", "date_joined"]
    add_fieldsets = [
        (
            None,
            {
                "classes": ["wide"],
                "fields": ["username", "email", "usable_password", "password1", "password2", "is_staff"],
            },
        )
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Read roles along."""
        return super().get_queryset(request).prefetch_related("groups")

    @admin.display(description="Name", ordering="last_name")
    def show_name(self, person: User) -> str:
        """Their name."""
        return person.get_full_name()

    @admin.display(description="Roles")
    def show_roles(self, person: User) -> str:
        """What they are."""
        roles = [group.name for group in person.groups.all()]
        if person.is_superuser:
            roles.insert(0, "Administrator")
        return ", ".join(roles) or "none"

    @admin.display(description="State", ordering="is_active")
    def show_state(self, person: User) -> SafeString:
        """Whether they may sign in."""
        if not person.is_active:
            return chip("quiet", "switched off")
        return chip("well", "active") if person.is_staff else chip("quiet", "no sign-in here")

    @admin.display(description="Last sign-in", ordering="last_login")
    def show_last_login(self, person: User) -> SafeString:
        """When they last signed in."""
        return ago(person.last_login)


@admin.register(Group)
class RoleAdmin(DjangoGroupAdmin, BaseAdmin):
    """Roles: sets of permissions."""

    list_display = ["name", "show_people"]
    search_fields = ["name"]
    empty_title = "No role yet"
    empty_text = (
        "A role is a set of permissions, such as support agent or on-call engineer. Give it to people under People."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        """Count people along."""
        return super().get_queryset(request).annotate(people=Count("user"))

    @admin.display(description="People", ordering="people")
    def show_people(self, role: Group) -> int:
        """How many have it."""
        return int(getattr(role, "people", 0))
