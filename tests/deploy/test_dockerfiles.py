"""The images: linted, pinned, small, of somebody who is not root, and made of what there is."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from engine.settings import PROJECT
from tests.deploy.dockerfiles import instructions, lines, stages
from tests.monitored import DEPLOY

FILES = sorted(DEPLOY.rglob("Dockerfile"))
IMAGES = [(DEPLOY / "Dockerfile", "app"), (DEPLOY / "Dockerfile", "service")]
IMAGES += [(file, None) for file in FILES if file != DEPLOY / "Dockerfile"]
SENT = [line for line in (PROJECT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]


def name_of(value: object) -> str:
    return str(value.relative_to(DEPLOY)) if isinstance(value, Path) else str(value)


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_hadolint_finds_nothing(file):
    linter = Path(sys.executable).with_name("hadolint")
    found = str(linter) if linter.exists() else shutil.which("hadolint")
    if found is None:
        pytest.skip("hadolint is not installed")
    done = subprocess.run([found, str(file)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_what_it_is_made_from_is_pinned(file):
    known = set(stages(file))
    for word, words in lines(file):
        if word == "FROM" and words.split()[0] not in known:
            assert re.fullmatch(r"[\w./-]+:\d+\.\d+\.\d+[\w.-]*(@sha256:[0-9a-f]{64})?", words.split()[0])
        if word == "RUN":
            for command in re.findall(r"pip install[^&]*", words):
                assert "--constraint" in command and "--no-cache-dir" in command
        assert word != "ADD" and "curl" not in words


@pytest.mark.parametrize(("file", "target"), IMAGES, ids=name_of)
def test_an_image_runs_as_nobody_in_particular_and_says_how_it_is(file, target):
    made = instructions(file, target)
    users = [words for word, words in made if word == "USER"]
    assert users and re.fullmatch(r"[1-9]\d*(:\d+)?", users[-1]), "a number, so that it is the same everywhere"
    assert [word for word, _ in made].count("HEALTHCHECK") == 1
    assert any(word in ("CMD", "ENTRYPOINT") and words.startswith("[") for word, words in made)
    assert any(word == "EXPOSE" for word, _ in made)
    for word, words in made:
        if word in ("ENV", "ARG"):
            assert not re.search(r"PASSWORD|TOKEN|SECRET|CREDENTIAL", words)


@pytest.mark.parametrize(("file", "target"), IMAGES, ids=name_of)
def test_no_compiler_is_left(file, target):
    assert not re.search(
        r"build-essential|\bgcc\b|\bg\+\+|python3?-dev", " ".join(w for _, w in instructions(file, target))
    )


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_what_is_copied_is_there_and_sent_to_the_builder(file):
    for word, words in lines(file):
        if word != "COPY" or "--from=" in words:
            continue
        *sources, _ = (part for part in words.split() if not part.startswith("--"))
        for source in sources:
            path = source.removeprefix("./")
            assert (PROJECT / path).exists()
            assert any(fnmatch(path, sent) or path.startswith(f"{sent}/") for sent in sent_paths()), (
                f"{path} is ignored"
            )


def sent_paths() -> list[str]:
    return [line[1:] for line in SENT if line.startswith("!")]


def test_only_what_is_named_is_sent_to_the_builder():
    assert SENT[0] == "*"
    assert all((PROJECT / path).exists() for path in sent_paths())
    assert not {"workspaces", "deploy", "deploy/secrets", ".git", ".venv", "tests"} & set(sent_paths())


def test_all_that_pyproject_lists_is_installed(tmp_path):
    """The line that reads pyproject.toml in the image, run here."""
    run = next(
        words for word, words in stages(DEPLOY / "Dockerfile")["packages"] if word == "RUN" and "tomllib" in words
    )
    code = re.search(r'python -c "([^"]+)" > requirements.txt', run)[1]
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=30)
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    assert done.stdout.split("\n")[:-1] == [*project["dependencies"], *project["optional-dependencies"]["ops"]]


def test_all_code_that_is_needed_is_copied():
    copied = {words.split()[0] for word, words in instructions(DEPLOY / "Dockerfile", "app") if word == "COPY"}
    assert {"engine", "scripts", "pages", "app.py", ".streamlit", "configs", "lora_model"} <= copied


def needed(requirements: list[str]) -> set[str]:
    """The names of packages and of all that they bring with them, as far as they are installed here."""
    found: set[tuple[str, frozenset[str]]] = set()
    left = [(Requirement(one), "") for one in requirements]
    while left:
        requirement, asked = left.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": asked}):
            continue
        one = (canonicalize_name(requirement.name), frozenset(requirement.extras))
        if one in found:
            continue
        found.add(one)
        try:
            brought = metadata.requires(requirement.name) or []
        except metadata.PackageNotFoundError:
            continue
        left += [(Requirement(text), extra) for text in brought for extra in ("", *requirement.extras)]
    return {name for name, _ in found}


@pytest.mark.parametrize("image", ["app", "mlflow"])
def test_all_that_is_installed_is_pinned(image):
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    asked = {
        "app": [*project["dependencies"], *project["optional-dependencies"]["ops"]],
        "mlflow": ["mlflow", "psycopg[binary]", "boto3"],
    }
    pins = (PROJECT / "constraints.txt").read_text().splitlines()
    pinned = {canonicalize_name(line.split("==")[0]) for line in pins if "==" in line}
    assert needed(asked[image]) - pinned == set()
