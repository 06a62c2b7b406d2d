"""Debian's Prometheus and Alertmanager, as they come, send us their alerts: down to our alert and the mail, and back."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from monitoring.applications.snippets import list_snippets
from tests.support.product import Product, find_free_port, running_product
from tests.support.smtp import Mailbox, run_smtp_server

pytestmark = [pytest.mark.protocols, pytest.mark.timeout(600)]

WAIT_SECONDS = 60
#: Long enough for the product to believe a silence after its start, and for the end that Prometheus had set.
SILENCE_SECONDS = 180
RULES = """
groups:
  - name: self
    interval: 1s
    rules:
      - alert: PrometheusAnswers
        expr: prometheus_ready{job="self"} == 1 and on () %s
        labels: {severity: page}
        annotations:
          summary: '{{ $labels.job }} answers'
          runbook_url: https://wiki.example/self
"""


@dataclass(frozen=True, slots=True)
class Setting:
    """The product, its mail, and the key of an application."""

    product: Product
    mailbox: Mailbox
    key: str

    def alerts(self, source: str, name: str) -> list[dict[str, Any]]:
        """Return an application's alerts of a source and name, oldest first."""
        answer = httpx.get(
            f"{self.product.url}/api/v1/alerts/",
            params={"source": source},
            headers={"Authorization": f"Bearer {self.key}"},
        )
        assert answer.status_code == httpx.codes.OK, answer.text
        return [row for row in reversed(answer.json()["results"]) if row["name"] == name]

    def states(self, source: str, name: str) -> list[str]:
        """Return their states."""
        return [row["state"] for row in self.alerts(source, name)]

    def subjects(self) -> list[str]:
        """Return the subjects of all mails."""
        return [str(message["Subject"]) for message in self.mailbox.messages]

    def show(self, member: str) -> Any:
        """Return a member of the configuration that the connect page shows."""
        snippets = list_snippets(base_url=self.product.url, application_id=1, secret_key=self.key)
        shown = next(one for one in snippets if one.key == "alerts")
        files = [yaml.safe_load(code) for code in (shown.code, shown.more[0].code)]
        return next(content[member] for content in files if member in content)


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    with run_smtp_server() as mailbox:
        settings = {
            "EMAIL_URL": f"smtp://127.0.0.1:{mailbox.port}",
            "ALERT_EMAILS": "oncall@example.com",
            "GROUP_WAIT_SECONDS": "1",
            "GROUP_INTERVAL_SECONDS": "3",
        }
        with running_product(tmp_path_factory.mktemp("alerts") / "data", **settings) as product:
            yield Setting(product, mailbox, str(product.connect("ERP with a Prometheus")["secret_key"]))


def test_prometheus__rule_over_its_own_metrics__fires_and_resolves_here(setting: Setting, tmp_path: Path) -> None:
    alerting = setting.show("alerting")
    with running_prometheus(tmp_path, alerting) as prometheus:
        prometheus.rule("vector(1)")
        wait_for(lambda: setting.states("prometheus", "PrometheusAnswers") == ["firing"])
        wait_for(lambda: "Critical: self answers" in setting.subjects())
        prometheus.rule("(vector(1) < 0)")
        wait_for(lambda: setting.states("prometheus", "PrometheusAnswers") == ["resolved"])
        wait_for(lambda: any(subject.startswith("Resolved after") for subject in setting.subjects()))
        sent = httpx.get(f"{prometheus.url}/metrics").text

    (alert,) = setting.alerts("prometheus", "PrometheusAnswers")
    assert (alert["severity"], alert["rule"]) == ("critical", None)
    assert alert["labels"]["job"] == "self"
    assert alert["annotations"]["runbook"] == "https://wiki.example/self"
    assert alert["generator_url"].startswith("http")
    assert setting.subjects().count("Critical: self answers") == 1
    # Not one of its requests was refused.
    errors = [line for line in sent.splitlines() if line.startswith("prometheus_notifications_errors_total{")]
    assert errors
    assert all(line.endswith(" 0") for line in errors), errors


def test_prometheus__killed_while_it_fires__alert_ends_by_itself(setting: Setting, tmp_path: Path) -> None:
    alerting = setting.show("alerting")
    (manager,) = alerting["alertmanagers"]
    del manager["authorization"]
    manager["basic_auth"] = {"username": "any", "password": setting.key}
    manager["api_version"] = "v1"
    with running_prometheus(tmp_path, alerting, name="PrometheusKilled") as prometheus:
        prometheus.rule("vector(1)")
        wait_for(lambda: setting.states("prometheus", "PrometheusKilled") == ["firing"])
        prometheus.process.kill()
        wait_for(lambda: setting.states("prometheus", "PrometheusKilled") == ["resolved"], seconds=SILENCE_SECONDS)
    (alert,) = setting.alerts("prometheus", "PrometheusKilled")
    assert alert["resolved_at"] >= alert["expires_at"]


def test_alertmanager__webhook_of_amtools_alert__fires_and_resolves_here(setting: Setting, tmp_path: Path) -> None:
    configuration = {
        "route": {"receiver": "postlaunch", "group_wait": "1s", "group_interval": "2s"},
        "receivers": setting.show("receivers"),
    }
    with running_alertmanager(tmp_path, configuration) as url:
        amtool(
            url, "alert", "add", "alertname=DiskFull", "severity=warn", "host=erp1", "--annotation=summary=Disk full"
        )
        wait_for(lambda: setting.states("alertmanager", "DiskFull") == ["firing"])
        wait_for(lambda: "Warning: Disk full" in setting.subjects())
        over = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 1))
        began = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 3600))
        amtool(
            url, "alert", "add", "alertname=DiskFull", "severity=warn", "host=erp1", f"--start={began}", f"--end={over}"
        )
        wait_for(lambda: setting.states("alertmanager", "DiskFull") == ["resolved"])
    (alert,) = setting.alerts("alertmanager", "DiskFull")
    assert (alert["labels"], alert["severity"]) == ({"host": "erp1"}, "warning")


def test_amtool__straight_to_us__as_to_an_alertmanager(setting: Setting, tmp_path: Path) -> None:
    url = f"{setting.product.url}/alertmanager"
    http = tmp_path / "http.yml"
    http.write_text(json.dumps({"authorization": {"credentials": setting.key}}))
    amtool(url, f"--http.config.file={http}", "alert", "add", "alertname=ByHand", "host=erp2")
    assert setting.states("prometheus", "ByHand") == ["firing"]


def test_answers__alertmanager_and_we__same_status_and_same_alerts_taken(setting: Setting, tmp_path: Path) -> None:
    configuration = {"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}
    bodies: list[Any] = [
        [{"labels": {"alertname": "Same1"}}],
        [],
        [{"labels": {"alertname": "Same2", "empty": ""}}, {"labels": {"empty": ""}}],
        [{"labels": {"alertname": "Same3"}}, {"labels": {"1x": "y"}}],
        [{"labels": {"alertname": "Same4"}, "startsAt": "2026-01-02T00:00:00Z", "endsAt": "2020-01-01T00:00:00Z"}],
        [{"labels": {"alertname": "Same5"}, "startsAt": None, "endsAt": None, "annotations": None}],
        [{"labels": {"alertname": "Same6"}, "startsAt": "0001-01-01T00:00:00Z", "generatorURL": ""}],
        {"labels": {"alertname": "Same7"}},
        [{"labels": {"alertname": "Same8"}, "startsAt": "soon"}],
    ]
    with running_alertmanager(tmp_path, configuration) as url:
        for body in bodies:
            theirs = httpx.post(f"{url}/api/v2/alerts", json=body)
            ours = httpx.post(
                f"{setting.product.url}/alertmanager/api/v2/alerts",
                json=body,
                headers={"Authorization": f"Basic {base64.b64encode(f'x:{setting.key}'.encode()).decode()}"},
            )
            assert ours.status_code == theirs.status_code, (body, ours.text, theirs.text)
            assert bool(ours.content) == bool(theirs.content)
        known = {alert["labels"].get("alertname") for alert in httpx.get(f"{url}/api/v2/alerts").json()}
    names = {f"Same{number}" for number in range(1, 9)}
    assert {name for name in names if setting.states("prometheus", name)} == known & names


@dataclass(slots=True)
class Prometheus:
    """A running Prometheus whose one rule can be changed."""

    url: str
    rules: Path
    process: subprocess.Popen[bytes]
    name: str

    def rule(self, condition: str) -> None:
        """Have its rule fire as long as a condition returns something."""
        self.rules.write_text((RULES % condition).replace("PrometheusAnswers", self.name))
        assert httpx.post(f"{self.url}/-/reload").status_code == httpx.codes.OK


@contextmanager
def running_prometheus(
    directory: Path, alerting: dict[str, Any], *, name: str = "PrometheusAnswers"
) -> Iterator[Prometheus]:
    port = find_free_port()
    rules = directory / "rules.yml"
    rules.write_text("groups: []")
    configuration = directory / "prometheus.yml"
    content = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(rules)],
        "scrape_configs": [{"job_name": "self", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}],
        "alerting": alerting,
    }
    configuration.write_text(yaml.safe_dump(content))
    command = [
        _find("prometheus"),
        f"--config.file={configuration}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--web.enable-lifecycle",
        "--rules.alert.resend-delay=1s",
        "--log.level=error",
    ]
    url = f"http://127.0.0.1:{port}"
    with _running(command, f"{url}/-/ready") as process:
        yield Prometheus(url, rules, process, name)


@contextmanager
def running_alertmanager(directory: Path, content: dict[str, Any]) -> Iterator[str]:
    port = find_free_port()
    configuration = directory / "alertmanager.yml"
    configuration.write_text(yaml.safe_dump(content))
    command = [
        _find("prometheus-alertmanager"),
        f"--config.file={configuration}",
        f"--storage.path={directory / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
        "--log.level=error",
    ]
    url = f"http://127.0.0.1:{port}"
    with _running(command, f"{url}/-/ready"):
        yield url


def amtool(url: str, *arguments: str) -> None:
    done = subprocess.run(
        [_find("amtool"), f"--alertmanager.url={url}", *arguments], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr


def wait_for(is_so: Callable[[], bool], *, seconds: float = WAIT_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.3)


@contextmanager
def _running(command: list[str], probe: str) -> Iterator[subprocess.Popen[bytes]]:
    with ExitStack() as stack:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        stack.callback(process.wait, timeout=30)
        stack.callback(process.terminate)
        for _ in range(200):
            try:
                if httpx.get(probe, timeout=1).status_code == httpx.codes.OK:
                    break
            except httpx.HTTPError:
                pass
            time.sleep(0.1)
        else:
            raise AssertionError(f"{command[0]} does not answer at {probe}")
        yield process


def _find(program: str) -> str:
    path = shutil.which(program)
    assert path is not None, f"{program} is missing: apt-get install prometheus prometheus-alertmanager"
    return path
