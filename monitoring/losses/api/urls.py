"""Addresses of the loss account in REST."""

from __future__ import annotations

from django.urls import path

from monitoring.losses.api.views import LossesView

urlpatterns = [path("losses/", LossesView.as_view(), name="losses")]
