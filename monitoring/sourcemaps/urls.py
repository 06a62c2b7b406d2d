"""Addresses of the doors for build tools, as those tools know them."""

from __future__ import annotations

from django.urls import path

from monitoring.sourcemaps import views

_ORGANIZATION = "api/0/organizations/<str:organization>"

urlpatterns = [
    path("api/0/", views.tell_about, name="build-info"),
    path(f"{_ORGANIZATION}/chunk-upload/", views.chunk_upload, name="build-chunk-upload"),
    path(f"{_ORGANIZATION}/artifactbundle/assemble/", views.assemble, name="build-assemble"),
    path(f"{_ORGANIZATION}/releases/", views.releases, name="build-releases"),
    # A version may hold slashes.
    path(f"{_ORGANIZATION}/releases/<path:version>/previous-with-commits/", views.previous_release),
    path(f"{_ORGANIZATION}/releases/<path:version>/", views.one_release, name="build-release"),
    path(f"{_ORGANIZATION}/repos/", views.repositories),
    path("api/0/projects/<str:organization>/<str:project>/releases/", views.releases),
]
