"""Builds and their uploads, in tests. The build was made by esbuild from three files; its map is as esbuild wrote it."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from typing import Any

from django.utils import timezone

from monitoring.applications.models import Application
from monitoring.sourcemaps.services.uploading import Assembled, Wanted, assemble_bundle, store_chunks

DEBUG_ID = "e20abae0-877f-5b71-84d1-042bb24f315a"
SCRIPT = (
    "(()=>{function e(o){return o.reduce((r,t)=>r+t,0)}function n(o){let r=e(o.lines);return u(o,r)}"
    'function u(o,r){if(!o.ledger)throw new TypeError("invoice "+o.number+" has no ledger");return r}'
    "window.run=()=>n({number:7,lines:[1,2]});})();\n"
    "//# sourceMappingURL=main.js.map\n"
)
SOURCES = {
    "../node_modules/lib/index.js": "export function total(lines) { return lines.reduce((a, b) => a + b, 0); }\n",
    "../src/invoice.js": (
        '// books an invoice\nimport { total } from "lib";\nexport function bookInvoice(invoice) {\n'
        "  const sum = total(invoice.lines);\n  return postToLedger(invoice, sum);\n}\n\n"
        "function postToLedger(invoice, sum) {\n  if (!invoice.ledger) {\n"
        '    throw new TypeError("invoice " + invoice.number + " has no ledger");\n  }\n  return sum;\n}\n'
    ),
    "../src/main.js": (
        'import { bookInvoice } from "./invoice.js"; window.run = () => bookInvoice({number: 7, lines: [1,2]});\n'
    ),
}
MAPPINGS = "MAAO,SAASA,EAAMC,EAAO,CAAE,OAAOA,EAAM,OAAO,CAACC,EAAGC,IAAMD,EAAIC,EAAG,CAAC,CAAG,CCEjE,SAASC,EAAYC,EAAS,CACnC,IAAMC,EAAMC,EAAMF,EAAQ,KAAK,EAC/B,OAAOG,EAAaH,EAASC,CAAG,CAClC,CAEA,SAASE,EAAaH,EAASC,EAAK,CAClC,GAAI,CAACD,EAAQ,OACX,MAAM,IAAI,UAAU,WAAaA,EAAQ,OAAS,gBAAgB,EAEpE,OAAOC,CACT,CCZ4C,OAAO,IAAM,IAAMG,EAAY,CAAC,OAAQ,EAAG,MAAO,CAAC,EAAE,CAAC,CAAC,CAAC"
SOURCE_MAP = json.dumps(
    {
        "version": 3,
        "sources": list(SOURCES),
        "sourcesContent": list(SOURCES.values()),
        "mappings": MAPPINGS,
        "names": ["total", "lines", "a", "b", "bookInvoice", "invoice", "sum", "total", "postToLedger", "bookInvoice"],
    }
)


def make_manifest(**files: Any) -> dict[str, Any]:
    """Return a manifest with these files."""
    return {"files": files}


def make_bundle(
    *,
    script: str | bytes = SCRIPT,
    source_map: str | bytes | None = SOURCE_MAP,
    url: str = "~/assets/main.js",
    debug_id: str | None = DEBUG_ID,
    manifest: Any = None,
    extra: dict[str, bytes] | None = None,
) -> bytes:
    """Return an artifact bundle as sentry-cli makes it; `manifest` replaces the one that fits."""
    ids = {"debug-id": debug_id} if debug_id else {}
    files: dict[str, Any] = {
        "files/_/_/main.js": {"type": "minified_source", "url": url, "headers": {**ids, "sourcemap": "main.js.map"}}
    }
    if source_map is not None:
        files["files/_/_/main.js.map"] = {"type": "source_map", "url": f"{url}.map", "headers": ids}
    stream = io.BytesIO()
    stream.write(b"SYSB\x02\x00\x00\x00")
    with zipfile.ZipFile(stream, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("files/_/_/main.js", script)
        if source_map is not None:
            archive.writestr("files/_/_/main.js.map", source_map)
        for name, data in (extra or {}).items():
            archive.writestr(name, data)
        if manifest is not False:
            archive.writestr("manifest.json", json.dumps(manifest if manifest is not None else {"files": files}))
    return stream.getvalue()


def sha1(data: bytes) -> bytes:
    """Return the checksum of a piece."""
    return hashlib.sha1(data, usedforsecurity=False).digest()


def upload(
    application: Application, data: bytes | None = None, *, release: str = "2.3.1", dist: str = "", by: str = "key 1"
) -> Assembled:
    """Upload a bundle in two pieces."""
    data = make_bundle() if data is None else data
    pieces = [data[: len(data) // 2], data[len(data) // 2 :]]
    now = timezone.now()
    store_chunks(application_id=application.pk, chunks={sha1(piece): piece for piece in pieces}, now=now)
    wanted = Wanted(sha1(data), [sha1(piece) for piece in pieces], release, dist)
    return assemble_bundle(application_id=application.pk, wanted=wanted, by=by, now=now)


def make_browser_event(
    *, column_of: str = "new TypeError", debug_id: str | None = DEBUG_ID, release: str = "2.3.1", **fields: Any
) -> dict[str, Any]:
    """Return an event as a browser's SDK sends it when the build above throws."""
    script = "https://erp.example.com/assets/main.js"
    line = SCRIPT.splitlines()[0]

    def frame(function: str, at: str) -> dict[str, Any]:
        return {
            "function": function,
            "filename": script,
            "abs_path": script,
            "lineno": 1,
            "colno": line.index(at) + 1,
            "in_app": True,
        }

    frames = [frame("window.run", "n({number"), frame("n", "u(o,r)}"), frame("u", column_of)]
    event: dict[str, Any] = {
        "platform": "javascript",
        "release": release,
        "exception": {
            "values": [{"type": "TypeError", "value": "invoice 7 has no ledger", "stacktrace": {"frames": frames}}]
        },
        **fields,
    }
    if debug_id:
        event["debug_meta"] = {"images": [{"type": "sourcemap", "code_file": script, "debug_id": debug_id}]}
    return event
