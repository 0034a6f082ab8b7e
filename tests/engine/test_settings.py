import os
import subprocess
import sys

import pytest

from engine.errors import SettingsError
from engine.settings import PROJECT, load_settings, person


def test_defaults_hold_without_any_variable(monkeypatch):
    for name in ("SHELFWISE_HOME", "SHELFWISE_WORKSPACE", "SHELFWISE_SEED", "SHELFWISE_THREADS"):
        monkeypatch.delenv(name, raising=False)
    settings = load_settings()
    assert settings.home == PROJECT / "workspaces"
    assert settings.workspace == "demo"
    assert settings.threads >= 1


@pytest.mark.parametrize(("name", "value"), [("SHELFWISE_SEED", "many"), ("SHELFWISE_THREADS", "0")])
def test_a_number_that_is_none_is_named(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=f"{name} is '{value}'"):
        load_settings()


def test_threads_that_wait_sleep_unless_somebody_says_otherwise():
    said = "import os, engine.settings; print(os.environ['OMP_WAIT_POLICY'])"
    for given, used in (({}, "passive"), ({"OMP_WAIT_POLICY": "active"}, "active")):
        rest = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
        told = subprocess.run(
            [sys.executable, "-c", said], env=rest | given, capture_output=True, text=True, cwd=PROJECT
        )
        assert told.stdout.strip() == used


def test_a_machine_that_knows_no_user_calls_everybody_you(monkeypatch):
    assert person()
    monkeypatch.setattr("getpass.getuser", lambda: {}["uid not found"])
    assert person() == "you"
