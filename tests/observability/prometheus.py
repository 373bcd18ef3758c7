"""A real Prometheus that scrapes what is real, with the rules' times divided by sixty."""

from __future__ import annotations

import json
import re
import time
import urllib.parse
import urllib.request
from pathlib import Path

import yaml

from tests.cluster.controlplane import answers
from tests.cluster.processes import Processes, free_port

__all__ = ["FASTER", "Prometheus", "faster", "fixed", "substituted"]

FASTER = 60
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_WINDOW = re.compile(r"(?<=\[)(\d+)([smhd])(?=[\]:])|(?<=offset )(\d+)([smhd])")
_SECONDS = re.compile(r"(?<=[>-] )(\d{3,})\b")


class Prometheus:
    """A Prometheus that runs."""

    def __init__(self, folder: Path, rules: Path, scraped: list[dict]) -> None:
        """Start it.

        Args:
            folder: for its data.
            rules: file of its rules.
            scraped: its `scrape_configs`.
        """
        self._processes = Processes(folder / "logs")
        self._url = f"http://127.0.0.1:{free_port()}"
        document = yaml.safe_load(rules.read_text())
        for group in document["groups"]:
            for rule in group["rules"]:
                rule["expr"] = faster(rule["expr"])
                if "for" in rule:
                    rule["for"] = _shorter(rule["for"])
        (folder / "rules.yaml").write_text(yaml.safe_dump(document))
        config = {
            "global": {
                "scrape_interval": "1s",
                "scrape_timeout": "1s",
                "evaluation_interval": "1s",
            },
            "rule_files": ["rules.yaml"],
            "scrape_configs": scraped,
        }
        (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
        self._processes.start(
            "prometheus",
            [
                "prometheus", f"--config.file={folder / 'prometheus.yaml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={self._url.removeprefix('http://')}",
            ],
            lambda: answers(f"{self._url}/-/ready"),
        )  # fmt: skip
        self.began = time.time()

    def now(self) -> float:
        """Until when it has seen."""
        return time.time()

    def instant(self, expr: str) -> list[dict]:
        """Samples of a query, now."""
        return self._ask("query", query=expr, time=self.now())

    def over_time(self, expr: str, step: float = 1.0) -> list[dict]:
        """Samples of a query, since this Prometheus began."""
        return self._ask("query_range", query=expr, start=self.began, end=self.now(), step=step)

    def fired(self, alert: str, since: float | None = None) -> list[dict]:
        """Alerts of a name that have fired since a moment, or since this Prometheus began."""
        window = max(1, int(self.now() - (since or self.began)))
        return self.instant(
            f'last_over_time(ALERTS{{alertname="{alert}", alertstate="firing"}}[{window}s])'
        )

    def stop(self) -> None:
        self._processes.stop()

    def _ask(self, what: str, **parameters: object) -> list[dict]:
        url = f"{self._url}/api/v1/{what}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return json.load(answer)["data"]["result"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters['query']}\n{error.read().decode()}") from None


def fixed(job: str, *targets: str) -> dict:
    """Scraping of places that are known beforehand."""
    return {"job_name": job, "honor_labels": True, "static_configs": [{"targets": list(targets)}]}


def faster(expr: str) -> str:
    """An expression with its windows, and its bounds that are seconds, divided by sixty."""

    def window(found: re.Match[str]) -> str:
        number, unit = (found[1], found[2]) if found[1] else (found[3], found[4])
        return _shorter(f"{number}{unit}")

    return _SECONDS.sub(lambda found: str(int(found[1]) // FASTER), _WINDOW.sub(window, expr))


def substituted(expr: str, run: str = ".*") -> str:
    """A panel's query as Grafana would ask it, of everything or of one run."""
    for variable, value in {
        "$__rate_interval": "15s",
        "$__range": "10m",
        "$environment": ".*",
        "$namespace": ".*",
        "$schedule": ".*",
        "$run": run,
    }.items():
        expr = expr.replace(variable, value)
    assert "$" not in expr, expr
    return expr


def _shorter(duration: str) -> str:
    return f"{max(1, int(duration[:-1]) * _UNITS[duration[-1]] // FASTER)}s"
