"""The home board: is it well, and what needs me?"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.views.decorators.http import require_POST

from config.admin.pages import admin_page
from config.admin.states import State
from config.panels import Entry, Panel, Step, ask_safely, find_needs, first_step, panel

STEPS_HIDDEN = "home_steps_hidden"
PANEL_REFRESH_SECONDS = 10


@dataclass(frozen=True, slots=True)
class ShownPanel:
    """A panel on the page: its place, what it shows and that as HTML (None and empty: it failed)."""

    entry: Entry[Panel]
    panel: Panel | None
    html: str


@dataclass(frozen=True, slots=True)
class ShownStep:
    """A first step on the page."""

    entry: Entry[Step]
    step: Step


def describe_home(request: HttpRequest) -> dict[str, Any]:
    """Return the context of the home page.

    While nothing at all reports (the first of the first steps is open), the page leads there and shows no empty panels.
    """
    steps = _find_steps(request)
    is_first_run = bool(steps) and not steps[0].step.is_done
    shown = [] if is_first_run else [_show(entry, request) for entry in panel.entries_for(request)]
    return {
        **_describe_headline(request),
        **_describe_steps(request, steps),
        "is_first_run": is_first_run,
        "panels": shown,
        "panel_refresh_seconds": PANEL_REFRESH_SECONDS,
        "is_fullwidth": "1",
    }


@admin_page("home/headline/", name="home_headline")
def headline(request: HttpRequest) -> HttpResponse:
    """Return the sentence on top, renewed."""
    return render(request, "admin/home_headline.html", _describe_headline(request))


@admin_page("home/steps/", name="home_steps")
def steps(request: HttpRequest) -> HttpResponse:
    """Return the first steps, renewed; once the first is done, have the browser load the whole board."""
    found = _find_steps(request)
    response = render(request, "admin/home_steps.html", _describe_steps(request, found))
    was_first_run = request.GET.get("first_run") == "1"
    if was_first_run and not (found and not found[0].step.is_done):
        response.headers["HX-Refresh"] = "true"
    return response


@admin_page("home/steps/hide/", name="home_steps_hide")
@require_POST
def hide_steps(request: HttpRequest) -> HttpResponse:
    """Stop showing the first steps to this person until they sign in again."""
    request.session[STEPS_HIDDEN] = True
    return redirect("admin:index")


@admin_page("home/panels/<slug:key>/", name="home_panel")
def one_panel(request: HttpRequest, key: str) -> HttpResponse:
    """Return one panel, renewed."""
    entry = panel.find(key, request)
    if entry is None:
        raise Http404
    return render(request, "admin/home_panel.html", {"shown": _show(entry, request)})


def _show(entry: Entry[Panel], request: HttpRequest) -> ShownPanel:
    return ask_safely(entry.key, partial(_draw, entry, request)) or ShownPanel(entry, None, "")


def _draw(entry: Entry[Panel], request: HttpRequest) -> ShownPanel:
    found = entry.ask(request)
    return ShownPanel(entry, found, render_to_string(found.template, found.context, request))


def _describe_headline(request: HttpRequest) -> dict[str, Any]:
    needs = list(find_needs(request).values())
    # What is bad or worth watching asks for someone; the rest is only worth knowing.
    urgent = [need for need in needs if need.state in (State.BAD, State.WATCH)]
    return {"needs": needs, "headline": write_headline(len(urgent)), "headline_state": _worst(urgent)}


def write_headline(count: int) -> str:
    """Return the answer in one sentence."""
    if count == 0:
        return "All well"
    return "1 thing needs you" if count == 1 else f"{count} things need you"


def _worst(needs: list[Any]) -> State:
    if any(need.state is State.BAD for need in needs):
        return State.BAD
    return State.WATCH if needs else State.WELL


def _find_steps(request: HttpRequest) -> list[ShownStep]:
    asked = ((entry, ask_safely(entry.key, partial(entry.ask, request))) for entry in first_step.entries_for(request))
    return [ShownStep(entry, step) for entry, step in asked if step is not None]


def _describe_steps(request: HttpRequest, found: list[ShownStep]) -> dict[str, Any]:
    done = sum(one.step.is_done for one in found)
    is_hidden = bool(request.session.get(STEPS_HIDDEN)) or done == len(found)
    return {
        "steps": found,
        "steps_done": done,
        "steps_hidden": is_hidden,
        "is_first_run": bool(found) and not found[0].step.is_done,
    }
