"""The connect page: keys, what to paste where, and whether the application is heard from."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from config.admin.pages import admin_page
from monitoring.applications.enums import KeyKind, Scope
from monitoring.applications.forms import KeyForm
from monitoring.applications.models import Application, IngestKey
from monitoring.applications.overview import count_recent, find_overview, judge_heard
from monitoring.applications.services import IssuedKey, issue_key, revoke_key, rotate_key
from monitoring.applications.snippets import is_reachable_only_here, list_snippets

VIEW, CHANGE = "monitoring.view_application", "monitoring.change_application"
ADDRESS = "monitoring/application/<int:pk>"


@admin_page(f"{ADDRESS}/connect/", name="monitoring_application_connect", permission=VIEW)
@never_cache
def connect(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Show how to connect an application."""
    return _show_page(request, pk)


@admin_page(f"{ADDRESS}/heard/", name="monitoring_application_heard", permission=VIEW)
@never_cache
def heard(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Return whether the application is heard from, renewed."""
    return render(request, "monitoring/heard.html", _describe_heard(pk))


@admin_page(f"{ADDRESS}/keys/", name="monitoring_application_keys", permission=VIEW)
@never_cache
def keys(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Return the table of keys, renewed."""
    application = get_object_or_404(Application, pk=pk)
    return render(request, "monitoring/keys.html", {"application": application, "keys": _list_keys(application)})


@admin_page(f"{ADDRESS}/keys/make/", name="monitoring_application_make_key", permission=CHANGE)
@never_cache
@require_POST
def make_key(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Make a key and show it, this once."""
    application = get_object_or_404(Application, pk=pk)
    form = KeyForm(request.POST)
    if not form.is_valid():
        return _show_page(request, pk, form=form)
    issued = issue_key(
        application=application,
        kind=KeyKind(form.cleaned_data["kind"]),
        label=form.cleaned_data["label"],
        scopes=form.cleaned_data["scopes"],
        origins=form.cleaned_data["origins"],
    )
    return _show_page(request, pk, issued=issued)


@admin_page(f"{ADDRESS}/keys/<int:key_pk>/rotate/", name="monitoring_key_rotate", permission=CHANGE)
@never_cache
@require_POST
def rotate(request: HttpRequest, pk: int, key_pk: int) -> HttpResponseBase:
    """Make a key like this one and show it; the old one works until it is revoked."""
    key = get_object_or_404(IngestKey.objects.select_related("application"), pk=key_pk, application_id=pk)
    if key.revoked_at is not None:
        messages.error(request, f"The key {key.prefix}… was revoked. Make a new one instead.")
        return redirect("admin:monitoring_application_connect", pk)
    return _show_page(request, pk, issued=rotate_key(key=key), replaced=key)


@admin_page(f"{ADDRESS}/keys/<int:key_pk>/revoke/", name="monitoring_key_revoke", permission=CHANGE)
@never_cache
@require_POST
def revoke(request: HttpRequest, pk: int, key_pk: int) -> HttpResponseBase:
    """Revoke a key and say what that means."""
    key = get_object_or_404(IngestKey, pk=key_pk, application_id=pk)
    if revoke_key(key=key):
        messages.success(
            request, f"The key {key.prefix}… is revoked. Whoever still sends with it is refused within 15 seconds."
        )
    else:
        messages.info(request, f"The key {key.prefix}… had been revoked before.")
    return redirect("admin:monitoring_application_connect", pk)


def _show_page(
    request: HttpRequest,
    pk: int,
    *,
    form: KeyForm | None = None,
    issued: IssuedKey | None = None,
    replaced: IngestKey | None = None,
) -> HttpResponseBase:
    described = _describe_heard(pk)
    application: Application = described["application"]
    found = _list_keys(application)
    public = next((key.public_token for key in found if key.kind == KeyKind.PUBLIC and key.revoked_at is None), "")
    is_secret = issued is not None and issued.key.kind == KeyKind.SECRET
    base_url = find_base_url(request)
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        **described,
        "title": f"Connect {application}",
        "keys": found,
        "issued": issued,
        "replaced": replaced,
        "key_form": form or KeyForm(),
        "scopes": Scope.choices,
        "kinds": KeyKind.choices,
        "can_change": request.user.has_perm(CHANGE),
        "snippets": list_snippets(
            base_url=base_url,
            application_id=pk,
            secret_key=issued.token if issued and is_secret else "",
            public_key=public,
            slug=application.slug,
        ),
        "base_url": base_url,
        "is_local_only": is_reachable_only_here(base_url),
        "totals": count_recent(pk),
        "is_fullwidth": "1",
    }
    return render(request, "monitoring/connect.html", context, status=400 if form is not None else 200)


def find_base_url(request: HttpRequest) -> str:
    """Return the address to give to clients: the configured one, unless it is loopback and the reader came by another."""
    configured: str = settings.PUBLIC_URL
    here = f"{request.scheme}://{request.get_host()}"
    return here if is_reachable_only_here(configured) and not is_reachable_only_here(here) else configured


def _describe_heard(pk: int) -> dict[str, Any]:
    application = find_overview(pk)
    if application is None:
        raise Http404
    last_heard_at = application.last_heard_at  # type: ignore[attr-defined]  # annotated by find_overview
    return {"application": application, "heard": judge_heard(last_heard_at, now=timezone.now())}


def _list_keys(application: Application) -> list[IngestKey]:
    """Return an application's keys, usable ones first, newest first."""
    found = list(IngestKey.objects.filter(application=application).order_by("-created_at"))
    return sorted(found, key=lambda key: key.revoked_at is not None)
