"""Recurring tasks in the admin: what runs when, with the two things an operator changes: how often, and whether at all."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from celery.schedules import ParseException, crontab
from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    PeriodicTasks,
    SolarSchedule,
)
from unfold.widgets import UnfoldAdminTextInputWidget

from config.admin.base import BaseAdmin
from config.schedules import Cron, set_time
from config.templatetags.look import ago, chip
from config.timetable import EXAMPLE, CronLine, Every, parse_when, write_when

for model in (ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule):
    if admin.site.is_registered(model):
        admin.site.unregister(model)


class TimetableForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """How often a task runs, in one line of words."""

    when = forms.CharField(label="When", widget=UnfoldAdminTextInputWidget, help_text=EXAMPLE)

    class Meta:
        model = PeriodicTask
        fields = ["enabled"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["when"].initial = describe_when(self.instance)

    def clean_when(self) -> Every | CronLine:
        """Return the parsed line; refuse hours that no clock has."""
        try:
            when = parse_when(self.cleaned_data["when"])
            if isinstance(when, CronLine):
                crontab(when.minute, when.hour, when.day_of_week, when.day_of_month)
        except (ValueError, ParseException) as error:
            raise forms.ValidationError(str(error) if isinstance(error, ValueError) else EXAMPLE) from error
        return when


@admin.register(PeriodicTask)
class TimetableAdmin(BaseAdmin):
    """Tasks that run by themselves. They are declared in code; here they are slowed down, moved or switched off."""

    form = TimetableForm
    list_display = ["name", "show_when", "show_queue", "show_enabled", "show_last_run"]
    list_filter = ["enabled", "queue"]
    search_fields = ["name", "description"]
    search_help_text = "Name or what it does"
    ordering = ["name"]
    list_select_related = ["interval", "crontab"]
    readonly_fields = ["description", "task", "queue", "last_run_at", "total_run_count"]
    fieldsets = [
        (None, {"fields": ["when", "enabled"]}),
        ("What it does", {"fields": ["description", "task", "queue", "last_run_at", "total_run_count"]}),
    ]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Tasks come from code."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        """One that is not wanted is switched off."""
        return False

    @admin.display(description="When")
    def show_when(self, task: PeriodicTask) -> str:
        """How often it runs."""
        return describe_when(task)

    @admin.display(description="Queue", ordering="queue")
    def show_queue(self, task: PeriodicTask) -> str:
        """Which workers take it."""
        return task.queue or "default"

    @admin.display(description="State", ordering="enabled")
    def show_enabled(self, task: PeriodicTask) -> SafeString:
        """Whether it runs."""
        return chip("well", "on") if task.enabled else chip("quiet", "off")

    @admin.display(description="Last run", ordering="last_run_at")
    def show_last_run(self, task: PeriodicTask) -> SafeString:
        """When it last ran."""
        return ago(task.last_run_at)

    def save_model(self, request: HttpRequest, obj: PeriodicTask, form: Any, change: bool) -> None:
        """Store the new time; beat sees it within seconds."""
        set_when(obj, form.cleaned_data["when"])
        super().save_model(request, obj, form, change)
        PeriodicTasks.update_changed()


def describe_when(task: PeriodicTask) -> str:
    """Return how often a task runs as people write it."""
    if task.interval is not None:
        return write_when(Every(int(task.interval.schedule.run_every.total_seconds())))
    if task.crontab is not None:
        cron = task.crontab
        return write_when(CronLine(cron.minute, cron.hour, cron.day_of_month, cron.day_of_week))
    return ""


def set_when(task: PeriodicTask, when: Every | CronLine) -> None:
    """Point a task to the interval or cron line; the caller saves it."""
    if isinstance(when, CronLine):
        set_time(task, Cron(when.minute, when.hour, when.day_of_month, when.day_of_week))
    else:
        set_time(task, timedelta(seconds=when.seconds))
