"""What deploy/README.md names is there."""

from __future__ import annotations

import re

import pytest
import yaml

from engine.settings import PROJECT
from tests.monitored import DEPLOY

TEXT = (DEPLOY / "README.md").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
RUN = re.compile(r"docker compose (?:--profile \w+ )?(run|exec|ps|logs|kill)\s+([^\n|`]*)")
VALUED = {"--since", "--volume", "-s"}  # options whose next word is their value


@pytest.mark.parametrize("script", sorted(set(re.findall(r"scripts/\w+\.py", TEXT))))
def test_scripts(script):
    assert (PROJECT / script).is_file()


@pytest.mark.parametrize("file", sorted(set(re.findall(r"\]\(([\w./-]+)\)", TEXT))))
def test_links(file):
    assert (DEPLOY / file).is_file()


@pytest.mark.parametrize(("verb", "words"), RUN.findall(TEXT), ids=lambda text: text[:40])
def test_containers(verb, words):
    names = [word for word in words.split() if not word.startswith("-")]
    values = {after for option, after in zip(words.split(), words.split()[1:], strict=False) if option in VALUED}
    assert next(name for name in names if name not in values) in COMPOSE["services"]


def test_ports():
    published = {int(port.rsplit(":", 1)[1]) for each in COMPOSE["services"].values() for port in each.get("ports", [])}
    assert {int(port) for port in re.findall(r"http://localhost:(\d+)", TEXT)} == published


def test_what_can_be_set():
    example = (DEPLOY / ".env.example").read_text(encoding="utf-8")
    for name in ("BIND", "SERVICE_WORKERS", "GRAFANA_PASSWORD", "EXTRA_INDEX"):
        assert f"`{name}`" in TEXT and re.search(rf"^#?{name}=", example, re.MULTILINE)
