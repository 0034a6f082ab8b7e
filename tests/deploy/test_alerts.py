"""The rules that say when somebody must look: checked and run by Prometheus's own tools."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.monitored import CONFIG, DEPLOY, KEY_FILE, RULES, replaced, tool

TESTS = [RULES.with_name("alerts_test.yml"), RULES.with_name("alerts_days_test.yml")]
ALERTS = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
NAMES = [alert["alert"] for alert in ALERTS]


def promtool(*arguments: str | Path) -> str:
    done = subprocess.run([tool("promtool"), *map(str, arguments)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_configuration_is_one_that_prometheus_takes(tmp_path):
    (tmp_path / "key").write_text("shw_key")
    (tmp_path / RULES.name).write_text(RULES.read_text())
    (tmp_path / CONFIG.name).write_text(replaced(CONFIG.read_text(), {KEY_FILE: str(tmp_path / "key")}))
    assert f"{len(ALERTS)} rules found" in promtool("check", "config", tmp_path / CONFIG.name)


@pytest.mark.parametrize("file", TESTS, ids=lambda file: file.stem)
def test_rules_fire_when_they_should(file):
    assert "SUCCESS" in promtool("test", "rules", file)


@pytest.mark.parametrize("alert", ALERTS, ids=NAMES)
def test_an_alert_says_what_is_wrong_how_much_and_what_to_do(alert):
    told = alert["annotations"]
    assert alert["labels"]["severity"] in ("critical", "warning")
    assert told["summary"] and "$value" in told["description"]
    assert told["runbook"] == f"deploy/README.md#{alert['alert'].lower()}"
    assert re.search(rf"^#+ {alert['alert']}$", (DEPLOY / "README.md").read_text(encoding="utf-8"), re.MULTILINE)


def test_each_alert_is_tested_to_fire_and_to_be_silent():
    checks = [
        (check["alertname"], bool(check["exp_alerts"]))
        for file in TESTS
        for test in yaml.safe_load(file.read_text())["tests"]
        for check in test["alert_rule_test"]
    ]
    assert len(set(NAMES)) == len(NAMES)
    assert set(checks) == {(name, fires) for name in NAMES for fires in (True, False)}
