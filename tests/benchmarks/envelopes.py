"""Genuine envelopes: what the Sentry SDK itself writes for the errors of a made-up ERP, collected instead of sent."""

from __future__ import annotations

import base64
import gzip
import json
import subprocess
import sys
from collections.abc import Sequence
from uuid import uuid4

from tests.support.product import ROOT

#: Different places in the program that fail; each is one issue.
GROUPS = 40
TEMPLATES = 200

#: Run by an interpreter of its own, so that nothing of the test run is in the events. Its functions are compiled from a
#: file, because an SDK quotes the lines around each call.
PROGRAM = '''
import base64, json, linecache, random, sys
import sentry_sdk
from sentry_sdk.transport import Transport

class Collector(Transport):
    def capture_envelope(self, envelope):
        print(base64.b64encode(envelope.serialize()).decode())

count, groups = int(sys.argv[1]), int(sys.argv[2])
SOURCE = """
def handle_{n}(request, session):
    customer = {{"id": request["customer"], "name": "Cooper & Sons {n}", "country": "DE", "credit_limit": 25000.0}}
    lines = [{{"sku": "ART-%05d" % (row * 7 + {n}), "quantity": row + 1, "price": 19.9 * row}} for row in range(3)]
    return check_{n}(customer, lines, session)

def check_{n}(customer, lines, session):
    total = sum(line["quantity"] * line["price"] for line in lines)
    currency, rate, attempt = "EUR", 1.0837, session["attempt"]
    if total > customer["credit_limit"]:
        raise ValueError("the credit limit is reached")
    return post_{n}(customer, lines, total, currency)

def post_{n}(customer, lines, total, currency):
    ledger = {{"4400": total, "1776": round(total * 0.19, 2)}}
    entry = dict(customer=customer["id"], total=total, currency=currency, period="2026-11")
    warehouse = "main"
    return write_{n}(ledger, entry, warehouse)

def write_{n}(ledger, entry, warehouse):
    accounts = {{"4400": "revenue", "1776": "tax"}}
    query = "INSERT INTO postings (account, amount, period) VALUES (%s, %s, %s)"
    retries = 3
    return {failure}
"""
FAILURES = ["accounts[str(entry[\\'customer\\'])]", "entry.missing_{n}", "int(\\'INV-\\' + str(entry[\\'customer\\']))",
            "entry[\\'total\\'] / (retries - 3)"]
handlers = []
for n in range(groups):
    text = SOURCE.format(n=n, failure=FAILURES[n % 4].format(n=n))
    name = "/srv/erp/modules/module_%d.py" % n
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    space = {"__name__": "erp.modules.module_%d" % n}
    exec(compile(text, name, "exec"), space)
    handlers.append(space["handle_%d" % n])

chance = random.Random(20261124)
for number in range(count):
    if number % 50 == 0:
        sentry_sdk.init("http://public@127.0.0.1/1", transport=Collector, release="erp@4.%d.0" % (number // 50),
                        environment="production", send_default_pii=True, server_name="erp-app-1", in_app_include=["erp"])
    with sentry_sdk.isolation_scope() as scope:
        person = chance.randrange(60)
        sentry_sdk.set_user({"id": str(person), "email": "clerk%d@example.com" % person, "ip_address": "192.0.2.%d" % person})
        sentry_sdk.set_tag("company", chance.choice(["main", "north", "south"]))
        for step in range(7):
            sentry_sdk.add_breadcrumb(category=chance.choice(["query", "http", "auth", "ui"]), level="info",
                message="SELECT * FROM orders WHERE customer_id = %d AND state = 'open' LIMIT 50" % chance.randrange(9999),
                data={"duration_ms": chance.randrange(400), "rows": chance.randrange(50)})
        customer = chance.randrange(100000)
        request = {"url": "https://erp.example.com/orders/%d" % customer, "method": "POST", "query_string": "page=2&sort=date",
            "headers": {"Host": "erp.example.com", "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/131.0",
                "Accept": "application/json", "Accept-Language": "de,en;q=0.7", "Content-Type": "application/json",
                "Authorization": "Bearer 1|abcdefghijklmnopqrstuvwxyz012345", "Cookie": "session=abc; XSRF-TOKEN=def",
                "X-Forwarded-For": "192.0.2.17", "Referer": "https://erp.example.com/orders"},
            "data": {"customer": customer, "note": "deliver before noon", "password": "hunter2"}}
        scope.add_event_processor(lambda event, hint: {**event, "request": request})
        try:
            handlers[number % groups]({"customer": customer}, {"attempt": number})
        except Exception as error:
            sentry_sdk.capture_exception(error)
'''


def collect_templates(*, count: int = TEMPLATES, groups: int = GROUPS) -> list[bytes]:
    """Return envelopes as the SDK wrote them, uncompressed."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(count), str(groups)], cwd=ROOT, capture_output=True, check=True, text=True
    )
    found = [base64.b64decode(line) for line in done.stdout.split()]
    assert len(found) == count, len(found)
    return found


def make_envelopes(templates: Sequence[bytes], count: int) -> list[bytes]:
    """Return `count` gzipped envelopes made of the templates by turns, each with an event id of its own."""
    known = [(template, _read_id(template)) for template in templates]
    made = []
    for number in range(count):
        template, event_id = known[number % len(known)]
        made.append(gzip.compress(template.replace(event_id, uuid4().hex.encode()), 6))
    return made


def _read_id(template: bytes) -> bytes:
    header = json.loads(template.partition(b"\n")[0])
    return str(header["event_id"]).encode()
