"""“How I am reached”: the signed-in person's own contacts, and which of them are used for what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from alerts.addressing import find_sender
from alerts.enums import ContactKind, Severity
from alerts.models import ContactMethod, NotificationPreference
from alerts.services.people import (
    ContactInvalid,
    add_contact,
    remove_contact,
    save_preference,
    send_code,
    verify_contact,
)
from config.admin.pages import admin_page

#: What is asked for with each kind.
EXAMPLES = {
    ContactKind.EMAIL: "you@example.com",
    ContactKind.SMS: "+491701234567",
    ContactKind.PHONE: "+491701234567",
    ContactKind.SLACK: "https://hooks.slack.com/services/…",
    ContactKind.APPRISE: "ntfys://… or tgram://…",
}


@admin_page("alerts/how-i-am-reached/", name="alerts_reach")
def reach(request: HttpRequest) -> HttpResponseBase:
    """Show contacts and preferences; take changed preferences."""
    if request.method == "POST":
        for severity in Severity:
            kinds = [kind for kind in request.POST.getlist(severity.value) if kind in ContactKind.values]
            save_preference(user=request.user, severity=severity.value, kinds=kinds)
        messages.success(request, "Kept. It counts from the next message on.")
        return redirect("admin:alerts_reach")
    return render(request, "alerts/reach.html", {**admin.site.each_context(request), **_describe(request)})


@admin_page("alerts/how-i-am-reached/add/", name="alerts_reach_add")
@require_POST
def add(request: HttpRequest) -> HttpResponseBase:
    """Keep a new contact and send a code there."""

    def act() -> str:
        address = request.POST.get("address", "")[:2_000]
        contact = add_contact(user=request.user, kind=request.POST.get("kind", ""), address=address, now=timezone.now())
        return f"A code is on its way to {contact.label}. Type it in to use this contact."

    return _answer(request, act)


@admin_page("alerts/how-i-am-reached/<int:pk>/code/", name="alerts_reach_code")
@require_POST
def code(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Send another code."""
    contact = _find(request, pk)

    def act() -> str:
        send_code(contact=contact, now=timezone.now())
        return f"A new code is on its way to {contact.label}."

    return _answer(request, act)


@admin_page("alerts/how-i-am-reached/<int:pk>/verify/", name="alerts_reach_verify")
@require_POST
def verify(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Take the code that was sent."""
    contact = _find(request, pk)

    def act() -> str:
        verify_contact(contact=contact, code=request.POST.get("code", "")[:20], now=timezone.now())
        return f"You can be reached by {contact.label} now. Choose below when it is used."

    return _answer(request, act)


@admin_page("alerts/how-i-am-reached/<int:pk>/remove/", name="alerts_reach_remove")
@require_POST
def remove(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Take a contact away."""
    contact = _find(request, pk)

    def act() -> str:
        remove_contact(contact=contact)
        return f"{contact.label} is not used any more."

    return _answer(request, act)


def _answer(request: HttpRequest, act: Callable[[], str]) -> HttpResponseBase:
    """Do something, say what came of it, and go back to the page."""
    try:
        messages.success(request, act())
    except ContactInvalid as error:
        messages.error(request, str(error))
    return redirect("admin:alerts_reach")


def _find(request: HttpRequest, pk: int) -> ContactMethod:
    """Return a contact of the signed-in person; those of others are not there."""
    contact = ContactMethod.objects.filter(user_id=_me(request), pk=pk).first()
    if contact is None:
        raise Http404("There is no such contact.")
    return contact


def _describe(request: HttpRequest) -> dict[str, Any]:
    contacts = list(ContactMethod.objects.filter(user_id=_me(request)))
    chosen = {
        preference.severity: preference.kinds
        for preference in NotificationPreference.objects.filter(user_id=_me(request))
    }
    verified = {contact.kind for contact in contacts if contact.verified_at}
    account_mail = str(getattr(request.user, "email", ""))
    usable = [kind for kind in ContactKind if kind in verified or (kind == ContactKind.EMAIL and account_mail)]
    return {
        "title": "How I am reached",
        "contacts": [(contact, ContactKind(contact.kind).label) for contact in contacts],
        "account_mail": account_mail,
        "kinds": [(kind, EXAMPLES[kind]) for kind in ContactKind if _is_possible(kind)],
        "usable": usable,
        "rows": [
            (severity, [(kind, kind in chosen.get(severity.value, ())) for kind in usable])
            for severity in reversed(Severity)
        ],
    }


def _is_possible(kind: ContactKind) -> bool:
    return kind not in {ContactKind.SMS, ContactKind.PHONE} or find_sender(kind.value) is not None


def _me(request: HttpRequest) -> int:
    assert request.user.pk is not None, "the admin lets nobody in who is not signed in"
    return request.user.pk
