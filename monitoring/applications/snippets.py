"""What to paste where, for every kind of client that works. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

#: Stands where the secret key belongs while it is not known: it is shown once, when it is made.
SECRET_PLACEHOLDER = "YOUR_SECRET_KEY"  # noqa: S105  (a placeholder)
PUBLIC_PLACEHOLDER = "YOUR_PUBLIC_KEY"

_PHP = Path(__file__).with_name("postlaunch.php")


@dataclass(frozen=True, slots=True)
class Part:
    """Another text to copy of a way to send, and what to do with it."""

    key: str
    how: str
    code: str


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
    more: tuple[Part, ...] = ()


def list_snippets(
    *, base_url: str, application_id: int, secret_key: str = "", public_key: str = "", slug: str = "erp"
) -> list[Snippet]:
    """Return the ways to send to a site reached at `base_url` (no trailing slash), keys filled in where given."""
    secret, public = secret_key or SECRET_PLACEHOLDER, public_key or PUBLIC_PLACEHOLDER
    return [
        _sentry(base_url, application_id, public),
        _browser(base_url, public),
        _opentelemetry(base_url, secret, slug),
        _php(base_url, secret),
        _source_maps(base_url, secret, slug),
        _jobs(base_url, application_id, public),
        _agent(base_url, secret),
        _prometheus(base_url, secret),
        _alerts(base_url, secret),
        _curl(base_url, secret),
        _javascript(base_url, public),
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


def _alerts(base_url: str, secret: str) -> Snippet:
    parts = urlsplit(base_url)
    doors = f"{base_url}/api/v1/alerts/incoming"
    return Snippet(
        key="alerts",
        title="Alerts",
        who="You have alerts already, from Prometheus, Alertmanager, Grafana or a script: have them told, escalated and acknowledged here.",
        how="Add this to prometheus.yml and reload it. The key must be a secret one.",
        language="yaml",
        code=(
            f"# Prometheus takes {base_url}/alertmanager for an Alertmanager\n"
            "alerting:\n"
            "  alertmanagers:\n"
            f"    - scheme: {parts.scheme}\n"
            f"      path_prefix: {parts.path}/alertmanager\n"
            "      authorization:\n"
            f"        credentials: {secret}\n"
            "      static_configs:\n"
            f'        - targets: ["{parts.netloc}"]'
        ),
        more=(
            Part(
                key="alertmanager",
                how="If you have an Alertmanager, add this to alertmanager.yml instead, and name the receiver in its routes.",
                code=(
                    "receivers:\n"
                    "  - name: postlaunch\n"
                    "    webhook_configs:\n"
                    f"      - url: {doors}/alertmanager/\n"
                    "        send_resolved: true\n"
                    "        http_config:\n"
                    "          authorization:\n"
                    f"            credentials: {secret}"
                ),
            ),
            Part(
                key="grafana",
                how="In Grafana make a contact point of the type Webhook, by hand or as provisioning/alerting/postlaunch.yml.",
                code=(
                    "apiVersion: 1\n"
                    "contactPoints:\n"
                    "  - orgId: 1\n"
                    "    name: Postlaunch\n"
                    "    receivers:\n"
                    "      - uid: postlaunch\n"
                    "        type: webhook\n"
                    "        settings:\n"
                    f"          url: {doors}/grafana/\n"
                    "          httpMethod: POST\n"
                    "          authorization_scheme: Bearer\n"
                    f"          authorization_credentials: {secret}"
                ),
            ),
            Part(
                key="script",
                how='Any script can do the same. Sent again with "status": "resolved", the alert is over.',
                code=(
                    f"curl {doors}/ \\\n"
                    f'  -H "Authorization: Bearer {secret}" \\\n'
                    '  -H "Content-Type: application/json" \\\n'
                    """  -d '{"title": "Backup failed", "key": "backup", "severity": "critical", "status": "firing"}'"""
                ),
            ),
        ),
        then="What fires shows up under Alerts at once and goes to the default channels. Alerts of a Prometheus that falls silent end by themselves.",
    )


def _sentry(base_url: str, application_id: int, public: str) -> Snippet:
    parts = urlsplit(base_url)
    dsn = f"{parts.scheme}://{public}@{parts.netloc}{parts.path}/{application_id}"
    return Snippet(
        key="sentry",
        title="Sentry SDK",
        who="Report what breaks and how long requests and queries take, from PHP, Laravel, JavaScript, Vue, Python, Java and whatever else has a Sentry SDK.",
        how="Install the SDK of your language as its makers say, and give it this DSN. It is made of a public key, so it can only send.",
        language="shell",
        code=(
            f"# Laravel: composer require sentry/sentry-laravel, then in .env\n"
            f"SENTRY_LARAVEL_DSN={dsn}\n"
            f"SENTRY_TRACES_SAMPLE_RATE=1.0\n\n"
            f"# PHP:     \\Sentry\\init(['dsn' => '{dsn}', 'traces_sample_rate' => 1.0]);\n"
            f'# Python:  sentry_sdk.init(dsn="{dsn}", traces_sample_rate=1.0)\n'
            f'# Browser: Sentry.init({{ dsn: "{dsn}" }})'
        ),
        then="Name your release and environment there too: then you see which release broke it, and whether it is back.",
    )


def _browser(base_url: str, public: str) -> Snippet:
    return Snippet(
        key="browser",
        title="Browsers",
        who="Know how fast your pages feel, what breaks in them and which features are used.",
        how="Put this into the head of your pages. List your ERP's address with the key. No cookies; 7 KB; it waits for consent where you say so.",
        language="html",
        code=(
            f'<script src="{base_url}/static/postlaunch.js" data-key="{public}"\n'
            '        data-release="1.0.0" data-environment="production" defer></script>\n\n'
            '<!-- Where visitors have to agree first: add data-consent="required", then call postlaunch.consent(true).\n'
            '     Which features are used:  postlaunch.track("invoice_export", { format: "pdf" });\n'
            '     Who it is:                postlaunch.identify("4711"); -->'
        ),
        then="Figures show up under Web vitals a minute later, errors under Errors at once.",
    )


def _opentelemetry(base_url: str, secret: str, slug: str) -> Snippet:
    return Snippet(
        key="opentelemetry",
        title="OpenTelemetry",
        who="Your program is instrumented with OpenTelemetry, in whatever language, or can be without changing its code.",
        how="Set this in its environment. Protobuf and JSON are understood, over HTTP.",
        language="shell",
        code=(
            f"OTEL_SERVICE_NAME={slug}\n"
            "OTEL_RESOURCE_ATTRIBUTES=service.version=1.0.0,deployment.environment.name=production\n"
            f"OTEL_EXPORTER_OTLP_ENDPOINT={base_url}/otlp\n"
            "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf\n"
            f"OTEL_EXPORTER_OTLP_HEADERS=Authorization=Bearer%20{secret}"
        ),
        then="Traces become requests, queries and waterfalls under Performance; log records show up under Logs, their exceptions under Errors; metrics under Metrics, named as Prometheus names them.",
    )


def _jobs(base_url: str, application_id: int, public: str) -> Snippet:
    return Snippet(
        key="jobs",
        title="Jobs",
        who="Be told when a nightly job did not run, failed or took too long.",
        how="Have the script that cron starts say how it ended. Its name becomes a heartbeat under Uptime, expected by its cron line.",
        language="shell",
        code=(
            "/srv/erp/nightly.sh && STATUS=ok || STATUS=error\n"
            f"curl -fsS -m 10 --retry 3 {base_url}/api/{application_id}/cron/nightly/{public}/ \\\n"
            '  -H "Content-Type: application/json" \\\n'
            """  -d '{"status": "'$STATUS'", "monitor_config": {"schedule": {"type": "crontab", "value": "30 2 * * *"}, "checkin_margin": 30}}'"""
        ),
        then="Jobs that run Sentry's SDK report by themselves: @monitor(...) in Python, ->sentryMonitor() in Laravel.",
    )


def _source_maps(base_url: str, secret: str, slug: str) -> Snippet:
    return Snippet(
        key="source-maps",
        title="Source maps",
        who="See the code that you wrote in the errors of your front end, instead of minified scripts.",
        how=(
            "Build with source maps (vite: build.sourcemap = 'hidden'; webpack: devtool: 'hidden-source-map'), then run this. "
            "The key needs the scope “Upload source maps”; the name after --release is the one that the SDK reports, and may be left out."
        ),
        language="shell",
        code=(
            f"export SENTRY_URL={base_url} SENTRY_ORG=postlaunch SENTRY_PROJECT={slug}\n"
            f"export SENTRY_AUTH_TOKEN={secret}\n"
            "npx sentry-cli sourcemaps inject dist\n"
            'npx sentry-cli sourcemaps upload --release "$RELEASE" dist\n\n'
            "# or with @sentry/vite-plugin, in vite.config.js:\n"
            f"# sentryVitePlugin({{ url: '{base_url}', org: 'postlaunch', project: '{slug}',\n"
            "#                    authToken: process.env.SENTRY_AUTH_TOKEN, telemetry: false })"
        ),
        then="Don't put the maps themselves on your web server: delete dist/**/*.map after the upload.",
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
        title="PHP without an SDK",
        who="Know what breaks in a PHP program, how long its pages and queries take, and figures of your own, where no package can be installed.",
        how=(
            "Save this as postlaunch.php, require it where your program begins, and put the key into the environment as POSTLAUNCH_KEY. "
            "Have your database layer call Postlaunch::query(); say Postlaunch::metric('invoices_posted', 1) for figures."
        ),
        language="php",
        code=_PHP.read_text().replace("https://watch.example", base_url).replace(SECRET_PLACEHOLDER, secret),
        then=(
            "It sends after the visitor has the page, waits two seconds at most and never throws. Errors, queries and the request they belong to are "
            "one trace. In Laravel: DB::listen(fn ($q) => Postlaunch::query($q->sql, $q->time, count($q->bindings))); and in bootstrap/app.php "
            "withExceptions(fn ($e) => $e->report(fn (Throwable $t) => Postlaunch::exception($t, false)));"
        ),
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
