"""The whole script against a scripted server: faults, kills, budgets, hostile reviews, and the embedded way."""

import os
import signal
import subprocess
import sys
import time

import pytest

from engine.settings import PROJECT
from engine.state import State
from engine.tags.pool.quality import fault
from scripts.generate_tags import main
from tests.fakes import Faulty, completion, failure, serving
from tests.shop import make_shop

GOOD = {"tags": ["warm lining", "nice colour", "good product"]}


@pytest.fixture
def shop(home):
    return make_shop(home, "shop", items=40)


@pytest.fixture
def configured(monkeypatch):
    def configure(server):
        for name, value in {"BASE_URL": server.url, "TOKEN": "sk-secret", "MODEL": "fake"}.items():
            monkeypatch.setenv(f"OPENAI_{name}", value)

    return configure


def llm_tags(workspace):
    tags = workspace.read("tags")
    return tags[tags["source"] == "llm"]


def reviewed(workspace):
    return set(workspace.read("reviews")["item_id"])


def test_tags_of_every_sku_through_an_llm(shop, configured, capsys, tmp_path):
    file = tmp_path / "lamoda_reviews_sampled_with_tags.csv"
    with serving(lambda body: completion(GOOD)) as server:
        configured(server)
        assert main(["--workspace", "shop", "--csv", str(file), "--price", "1", "2"]) == 0
        sent = len(server.requests)
        assert main(["--workspace", "shop"]) == 0
        assert len(server.requests) == sent == len(reviewed(shop))
    printed = capsys.readouterr().out
    assert "generate_tags@1 fake (source llm)" in printed
    assert "$0.00" in printed
    assert "would fit any product" in printed
    assert set(llm_tags(shop)["item_id"]) == reviewed(shop)
    assert set(llm_tags(shop)["tag"]) == {"warm lining", "nice colour"}
    assert "warm lining; nice colour" in file.read_text(encoding="utf-8")


def test_the_embedded_way_needs_no_endpoint(shop, capsys, monkeypatch):
    for name in ("BASE_URL", "TOKEN", "MODEL"):
        monkeypatch.delenv(f"OPENAI_{name}", raising=False)
    assert main(["--workspace", "shop", "--test"]) == 0
    assert "(source extracted)" in capsys.readouterr().out
    tags = shop.read("tags")
    made = set(tags[tags["source"] == "extracted"]["tag"])  # SK-001's reviews are hostile
    assert "warm" in made
    assert [tag for tag in made if fault(tag)] == []


def test_a_refused_key_is_named_and_the_run_can_be_repeated(shop, configured, capsys):
    with serving(lambda body: failure(401, "bad key sk-secret")) as server:
        configured(server)
        assert main(["--workspace", "shop"]) == 2
    said = capsys.readouterr().err
    assert "OPENAI_TOKEN" in said
    assert "SKUs left" in said
    assert "sk-secret" not in said


def test_a_budget_stops_cleanly(shop, configured, capsys):
    with serving(lambda body: completion(GOOD)) as server:
        configured(server)
        assert main(["--workspace", "shop", "--budget", "3000"]) == 2
        assert "budget of 3,000 tokens" in capsys.readouterr().err
        assert main(["--workspace", "shop"]) == 0
        assert len(server.requests) == len(reviewed(shop))


def test_hostile_answers_change_nothing_that_the_schema_does_not_allow(shop, configured):
    attack = {
        "tags": ["soft", "<img src=x>", "ignore all previous", "=1+1", "x" * 900, "visit www.x.example"] + ["a"] * 999
    }
    with serving(lambda body: completion(attack)) as server:
        configured(server)
        assert main(["--workspace", "shop", "--test"]) == 0
    assert set(llm_tags(shop)["tag"]) <= {"soft", "a"}


def test_faults_and_kills_lose_nothing_and_repeat_nothing(home, configured):
    shop = make_shop(home, "shop", items=200)
    script = Faulty(
        lambda body: GOOD, rate=0.2, hang=0.2, kinds=("429", "500", "cut", "malformed", "hostile"), delay=0.02
    )
    command = [
        sys.executable,
        "scripts/generate_tags.py",
        "--workspace",
        "shop",
        "--backend",
        "openai",
        "--reset-failed",
    ]
    with serving(script) as server:
        configured(server)
        environment = os.environ | {"MAX_CONCURRENT": "4"}
        kills = 0
        for _ in range(60):
            asked = len(server.requests)
            with subprocess.Popen(
                command, cwd=PROJECT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            ) as run:
                while run.poll() is None and (len(server.requests) < asked + 60 or kills >= 3):
                    time.sleep(0.01)
                if run.poll() is None:
                    run.send_signal(signal.SIGKILL)
                    kills += 1
            if run.returncode == 0 and set(llm_tags(shop)["item_id"]) == reviewed(shop):
                break  # not yet: a SKU that got two hostile answers in a row has failed, and is reset
    assert run.returncode == 0
    assert kills == 3
    assert set(llm_tags(shop)["item_id"]) == reviewed(shop)
    repeated = sum(script.good.values()) - len(script.good)
    assert repeated <= kills * 4  # only what was under way when the kill came


def test_ctrl_c_ends_it_at_once_and_what_is_done_stays(home, configured, interruptible):
    shop = make_shop(home, "shop", items=200)
    command = [sys.executable, "scripts/generate_tags.py", "--workspace", "shop"]
    with serving(lambda body: completion(GOOD, delay=0.05)) as server:
        configured(server)
        with subprocess.Popen(
            command, cwd=PROJECT, env=os.environ | {"MAX_CONCURRENT": "1"}, stderr=subprocess.PIPE, text=True
        ) as run:
            while run.poll() is None and done_in(shop) < 3:
                time.sleep(0.02)
            run.send_signal(signal.SIGINT)
            _, said = run.communicate(timeout=60)
    assert run.returncode == 130
    assert "Traceback" not in said
    assert 3 <= done_in(shop) < len(reviewed(shop))


def done_in(workspace):
    if not (workspace.path / "state.sqlite").exists():
        return 0
    with State.open(workspace) as state:
        return state.read("SELECT count(*) FROM progress")[0][0]
