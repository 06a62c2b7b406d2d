"""What to paste where, for every kind of client that works. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

#: Stands where the secret key belongs while it is not known: it is shown once, when it is made.
SECRET_PLACEHOLDER = "YOUR_SECRET_KEY"  # noqa: S105  (a placeholder)
PUBLIC_PLACEHOLDER = "YOUR_PUBLIC_KEY"


@dataclass(frozen=True, slots=True)
class Snippet:
    """One way to send: for whom it is, what to do, and the text to copy. `key` is also its anchor on the page."""

    key: str
    title: str
    who: str
    how: str
    language: str
    code: str
    then: str = ""


def list_snippets(*, base_url: str, application_id: int, secret_key: str = "", public_key: str = "") -> list[Snippet]:
    """Return the ways to send to a site reached at `base_url` (no trailing slash), keys filled in where given."""
    secret = secret_key or SECRET_PLACEHOLDER
    return [
        _agent(base_url, secret),
        _prometheus(base_url, secret),
        _sentry(base_url, application_id, public_key or PUBLIC_PLACEHOLDER),
        _curl(base_url, secret),
        _php(base_url, secret),
        _javascript(base_url, public_key or PUBLIC_PLACEHOLDER),
    ]


def _agent(base_url: str, secret: str) -> Snippet:
    return Snippet(
        key="agent",
        title="Server",
        who="Watch a server with nothing installed on it yet: CPU, memory, disks, network, processes and its PostgreSQL.",
        how="Copy Postlaunch to that server and start its agent there, best as a service.",
        language="shell",
        code=f"python manage.py agent \\\n  --url {base_url} \\\n  --key {secret}",
        then="It measures every few seconds and keeps what it can't deliver until this site answers again.",
    )


def _prometheus(base_url: str, secret: str) -> Snippet:
    return Snippet(
        key="prometheus",
        title="Prometheus",
        who="You run Prometheus, Grafana Alloy or vmagent already, with exporters for hosts, MySQL, PHP-FPM or nginx.",
        how="Add this to prometheus.yml and reload it.",
        language="yaml",
        code=(
            "remote_write:\n"
            f"  - url: {base_url}/prometheus/api/v1/write\n"
            "    authorization:\n"
            f"      credentials: {secret}"
        ),
        then="Everything it scrapes arrives here too; names and labels stay as they are.",
    )


def _sentry(base_url: str, application_id: int, public: str) -> Snippet:
    parts = urlsplit(base_url)
    dsn = f"{parts.scheme}://{public}@{parts.netloc}{parts.path}/{application_id}"
    return Snippet(
        key="sentry",
        title="Errors",
        who="Report what breaks, from PHP, Laravel, JavaScript, Vue, Python, Java and whatever else has a Sentry SDK.",
        how="Install the SDK of your language as its makers say, and give it this DSN. It is made of a public key, so it can only send.",
        language="shell",
        code=(
            f"# Laravel: composer require sentry/sentry-laravel, then in .env\n"
            f"SENTRY_LARAVEL_DSN={dsn}\n\n"
            f"# PHP:     \\Sentry\\init(['dsn' => '{dsn}']);\n"
            f'# Python:  sentry_sdk.init(dsn="{dsn}")\n'
            f'# Browser: Sentry.init({{ dsn: "{dsn}" }})'
        ),
        then="Name your release and environment there too: then you see which release broke it, and whether it is back.",
    )


def _curl(base_url: str, secret: str) -> Snippet:
    return Snippet(
        key="curl",
        title="Any language",
        who="Send a figure from a script, a cron job or any language that can make an HTTP request.",
        how='One metric, or several as {"points": [...]}. Without a timestamp it counts as now.',
        language="shell",
        code=(
            f"curl {base_url}/api/v1/metrics/ \\\n"
            f'  -H "Authorization: Bearer {secret}" \\\n'
            '  -H "Content-Type: application/json" \\\n'
            """  -d '{"name": "invoices_posted", "value": 1, "labels": {"company": "main"}}'"""
        ),
        then="The answer says how many were stored, and names every one that was refused with the reason.",
    )


def _php(base_url: str, secret: str) -> Snippet:
    return Snippet(
        key="php",
        title="PHP and Laravel",
        who="Report from a PHP back end, for example how long posting an invoice took. Needs no package.",
        how=(
            "Put the function where your code can call it, and the key into the environment as POSTLAUNCH_KEY. In Laravel, "
            "name it in config/services.php and read it with config('services.postlaunch.key') instead of getenv()."
        ),
        language="php",
        code=f"""<?php
// .env: POSTLAUNCH_KEY={secret}
function report_metric(string $name, float $value, array $labels = []): void
{{
    $body = ['name' => $name, 'value' => $value] + ($labels ? ['labels' => $labels] : []);
    @file_get_contents('{base_url}/api/v1/metrics/', false, stream_context_create(['http' => [
        'method' => 'POST',
        'header' => ['Content-Type: application/json', 'Authorization: Bearer ' . getenv('POSTLAUNCH_KEY')],
        'content' => json_encode($body),
        'timeout' => 2,
        'ignore_errors' => true,
    ]]));
}}

report_metric('invoice_post_seconds', 0.42, ['company' => 'main']);""",
        then="It waits two seconds at most and never throws: reporting must not break the ERP.",
    )


def _javascript(base_url: str, public: str) -> Snippet:
    return Snippet(
        key="javascript",
        title="JavaScript",
        who="Report from the ERP's pages, for example how long a screen took to open.",
        how="Use a public key: anyone who opens the page can read it, so it can only send. List your ERP's address with the key.",
        language="javascript",
        code=f"""fetch("{base_url}/api/v1/metrics/", {{
  method: "POST",
  keepalive: true,
  headers: {{ "Content-Type": "application/json", Authorization: "Bearer {public}" }},
  body: JSON.stringify({{ name: "screen_open_seconds", value: performance.now() / 1000, labels: {{ screen: "orders" }} }}),
}}).catch(() => {{}});""",
    )


def is_reachable_only_here(base_url: str) -> bool:
    """Whether other machines can't reach the site by this address, because it is loopback."""
    host = urlsplit(base_url).hostname or ""
    return host in {"localhost", "::1"} or host.startswith("127.")
