"""The doors for build tools: what is taken, what is refused and changes nothing."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from config.settings import OPTION
from monitoring.applications.enums import KeyKind
from monitoring.applications.models import Application
from monitoring.applications.services import issue_key
from monitoring.releases.models import Release
from monitoring.sourcemaps.models import SourceBlob, SourceBundle, SourceChunk, SourceFile
from monitoring.sourcemaps.services.uploading import UploadRefused
from monitoring.sourcemaps.views import CHUNK_BYTES
from tests.support.metrics import make_application
from tests.support.sourcemaps import make_bundle, sha1, upload

pytestmark = pytest.mark.django_db
ROOT = "/api/0/organizations/any"


@pytest.fixture
def application() -> Application:
    return make_application()


class Builder:
    """A build tool with a key."""

    def __init__(self, client: Client, application: Application, *scopes: str) -> None:
        self.client = client
        key = issue_key(application=application, kind=KeyKind.SECRET, scopes=list(scopes or ["releases"]))
        self.headers = {"Authorization": f"Bearer {key.token}"}

    def get(self, path: str) -> Any:
        return self.client.get(path, headers=self.headers)

    def send(self, path: str, body: Any, *, method: str = "post") -> Any:
        data = body if isinstance(body, (str, bytes)) else json.dumps(body)
        return getattr(self.client, method)(path, data, "application/json", headers=self.headers)

    def send_chunks(self, *chunks: bytes, name: str = "file_gzip", called: str = "") -> Any:
        files = [
            SimpleUploadedFile(called or sha1(chunk).hex(), gzip.compress(chunk) if name == "file_gzip" else chunk)
            for chunk in chunks
        ]
        return self.client.post(f"{ROOT}/chunk-upload/", {name: files}, headers=self.headers)

    def assemble(self, data: bytes, *chunks: bytes, **fields: Any) -> Any:
        body = {"checksum": sha1(data).hex(), "chunks": [sha1(chunk).hex() for chunk in chunks or [data]], **fields}
        return self.send(f"{ROOT}/artifactbundle/assemble/", body)


@pytest.fixture
def builder(client: Client, application: Application) -> Builder:
    return Builder(client, application)


@pytest.fixture
def limits() -> Iterator[Any]:
    """Change settings for a test."""
    kept = dict(OPTION)
    yield OPTION
    OPTION.update(kept)


def test_upload__the_way_tools_go__is_stored(builder: Builder, application: Application) -> None:
    data = make_bundle()
    told = builder.get(f"{ROOT}/chunk-upload/").json()
    assert (told["hashAlgorithm"], told["chunkSize"], told["compression"]) == ("sha1", CHUNK_BYTES, ["gzip"])
    assert "artifact_bundles_v2" in told["accept"]
    pieces = [data[:100], data[100:]]
    asked = builder.assemble(data, *pieces, version="2.3.1", dist="b", projects=[application.slug])
    assert asked.json() == {"state": "not_found", "missingChunks": [sha1(piece).hex() for piece in pieces]}
    assert builder.send_chunks(pieces[0]).status_code == 200
    assert builder.assemble(data, *pieces, version="2.3.1").json()["missingChunks"] == [sha1(pieces[1]).hex()]
    assert builder.send_chunks(pieces[1], name="file").status_code == 200
    done = builder.assemble(data, *pieces, version="2.3.1", dist="b")
    assert done.json() == {"state": "ok", "missingChunks": []}
    bundle = SourceBundle.objects.get()
    assert (bundle.release, bundle.dist, bundle.file_count) == ("2.3.1", "b", 2)
    assert {(file.kind, file.url) for file in bundle.files.all()} == {
        ("minified_source", "~/assets/main.js"),
        ("source_map", "~/assets/main.js.map"),
    }
    assert Release.objects.get().version == "2.3.1"
    assert not SourceChunk.objects.exists()


def test_upload__same_bundle_again__changes_nothing(builder: Builder, application: Application) -> None:
    upload(application)
    before = list(SourceFile.objects.values())
    assert upload(application).is_new is False
    assert list(SourceFile.objects.values()) == before


def test_upload__same_files_for_another_release__are_stored_once(application: Application) -> None:
    upload(application)
    upload(application, release="2.3.2")
    assert (SourceBundle.objects.count(), SourceFile.objects.count(), SourceBlob.objects.count()) == (2, 4, 2)


def test_store_chunks__wrong_checksum__is_refused_whole(builder: Builder) -> None:
    answer = builder.send_chunks(b"something", called="0" * 40)
    assert answer.status_code == 400
    assert "checksum differs" in answer.json()["detail"]
    assert not SourceChunk.objects.exists()


@pytest.mark.parametrize(
    ("content", "name", "called", "status"),
    [
        (b"x", "other", "", 400),
        (b"x", "file", "../../etc/passwd", 400),
        (b"x" * (CHUNK_BYTES + 1), "file", "", 413),
        (b"x" * (CHUNK_BYTES + 1), "file_gzip", "", 413),
    ],
)
def test_store_chunks__bad_pieces__are_refused(
    builder: Builder, content: bytes, name: str, called: str, status: int
) -> None:
    assert builder.send_chunks(content, name=name, called=called).status_code == status
    assert not SourceChunk.objects.exists()


@pytest.mark.parametrize("data", [b"no gzip", gzip.compress(b"x" * 1000)[:-9]], ids=["no gzip", "cut"])
def test_store_chunks__broken_gzip__is_refused(builder: Builder, data: bytes) -> None:
    files = {"file_gzip": SimpleUploadedFile("0" * 40, data)}
    answer = builder.client.post(f"{ROOT}/chunk-upload/", files, headers=builder.headers)
    assert answer.status_code == 400


def zip_of(**files: bytes) -> bytes:
    """Return a zip with these files."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return stream.getvalue()


def twice() -> bytes:
    stream = io.BytesIO(make_bundle())
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(stream, "a") as archive:
        archive.writestr("files/_/_/main.js", b"other")
    return stream.getvalue()


LISTED = {"files": {"a.js": {"type": "minified_source", "url": "~/a.js"}}}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not a zip"),
        (b"SYSB\x02\x00\x00\x00", "not a zip"),
        (make_bundle()[:-30], "not a zip"),
        (make_bundle(manifest=False), "manifest.json is missing"),
        (zip_of(**{"manifest.json": b"{"}), "not JSON"),
        (zip_of(**{"manifest.json": b"[]"}), "names no files"),
        (zip_of(**{"manifest.json": b'{"files":{}}'}), "neither scripts"),
        (zip_of(**{"manifest.json": json.dumps(LISTED).encode()}), "not in the zip"),
        (make_bundle(extra={"../../etc/cron.d/x": b"x"}), "no path within"),
        (make_bundle(extra={"/etc/passwd": b"x"}), "no path within"),
        (make_bundle(extra={"a\\..\\b": b"x"}), "no path within"),
        (make_bundle(script=b"\x00" * 3_000_000), "more than 1000000 bytes"),
        (make_bundle(extra={"bomb": b"\x00" * 30_000_000}), "inflate to more than"),
    ],
)
def test_assemble__bad_bundles__are_refused_and_change_nothing(
    builder: Builder, limits: dict[str, Any], data: bytes, words: str
) -> None:
    limits["SOURCEMAP_MAX_FILE_BYTES"], limits["SOURCEMAP_MAX_BUNDLE_BYTES"] = 1_000_000, 5_000_000
    builder.send_chunks(data)
    answer = builder.assemble(data, version="2.3.1").json()
    assert answer["state"] == "error"
    assert words in answer["detail"]
    assert not SourceBundle.objects.exists()
    assert not SourceBlob.objects.exists()
    assert not Release.objects.exists()


def test_assemble__file_in_the_zip_twice__is_refused(application: Application) -> None:
    with pytest.raises(UploadRefused, match="twice"):
        upload(application, twice())


def test_assemble__pieces_of_something_else__are_refused(builder: Builder) -> None:
    data = make_bundle()
    builder.send_chunks(data)
    answer = builder.send(f"{ROOT}/artifactbundle/assemble/", {"checksum": "0" * 40, "chunks": [sha1(data).hex()]})
    assert "checksum differs" in answer.json()["detail"]


def test_assemble__more_than_the_application_may_have__is_refused(
    builder: Builder, application: Application, limits: dict[str, Any]
) -> None:
    limits["SOURCEMAP_MAX_TOTAL_BYTES"] = 700
    with pytest.raises(UploadRefused, match="SOURCEMAP_MAX_TOTAL_BYTES"):
        upload(application)
    assert not SourceBundle.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        {"checksum": "x", "chunks": []},
        {"checksum": "0" * 40},
        {"checksum": "0" * 40, "chunks": ["x"]},
        {"checksum": "0" * 40, "chunks": [], "version": 5},
        {"checksum": "0" * 40, "chunks": [], "version": "x" * 201},
        {"checksum": "0" * 40, "chunks": [], "dist": "\x00"},
        {"checksum": "0" * 40, "chunks": ["0" * 40] * 5_001},
    ],
)
def test_assemble__bad_requests__are_answered_400(builder: Builder, body: Any) -> None:
    assert builder.send(f"{ROOT}/artifactbundle/assemble/", body).status_code == 400


def test_assemble__other_project__says_whose_the_key_is(builder: Builder, application: Application) -> None:
    answer = builder.assemble(make_bundle(), projects=["crm"])
    assert answer.status_code == 400
    assert f"--project {application.slug}" in answer.json()["detail"]


@pytest.mark.parametrize(("scopes", "status"), [(["releases"], 200), (["write"], 200), (["ingest", "read"], 403)])
def test_doors__scopes__need_releases_or_write(
    client: Client, application: Application, scopes: list[str], status: int
) -> None:
    assert Builder(client, application, *scopes).get(f"{ROOT}/chunk-upload/").status_code == status


def test_doors__no_key_and_wrong_method__are_refused(client: Client, builder: Builder) -> None:
    assert client.get(f"{ROOT}/chunk-upload/").status_code == 401
    refused = builder.get(f"{ROOT}/artifactbundle/assemble/")
    assert (refused.status_code, refused["Allow"]) == (405, "POST")


def test_releases__made_finalized_and_listed(builder: Builder, application: Application) -> None:
    made = builder.send(f"{ROOT}/releases/", {"version": "erp@2/3", "projects": [application.slug]})
    assert (made.status_code, made.json()["version"]) == (201, "erp@2/3")
    assert builder.send(f"{ROOT}/releases/erp@2%2F3/", {"dateReleased": "now"}, method="put").status_code == 200
    assert builder.get(f"{ROOT}/releases/erp@2%2F3/").json()["projects"][0]["slug"] == application.slug
    listed = builder.get(f"/api/0/projects/any/{application.slug}/releases/").json()
    assert [one["version"] for one in listed] == ["erp@2/3"]
    assert builder.get(f"{ROOT}/releases/unknown/").status_code == 404
    assert builder.send(f"{ROOT}/releases/", {"version": ""}).status_code == 400
