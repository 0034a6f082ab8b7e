"""dvc.yaml and params.yaml: the stages are DVC's own, say truly what they are made from, and skip what is unchanged."""

import os
import shlex
import shutil
import subprocess
import sys
from argparse import ArgumentParser
from importlib import import_module
from pathlib import Path

import grimp
import pytest
import yaml

pytest.importorskip("dvc", reason="the extra pipeline isn't installed")

PROJECT = Path(__file__).resolve().parent.parent
SMALL = {"items": 60, "users": 60, "reviews": 600, "events": 600, "queries": 10}
STAGES = ["tables", "splits", "tags_train", "tags_evaluate", "search_build", "search_evaluate", "recommend_train"]
STAGES += ["recommend_evaluate", "ranking_prepare", "ranking_train", "ranking_evaluate"]
KEEPING = {
    *("artifacts", "asked", "atomic", "decisions", "errors", "hiding", "judging", "llm", "progress", "ranked"),
    *(
        "recording",
        "registry",
        "run_table",
        "runs",
        "schema",
        "settings",
        "slicing",
        "sql",
        "state",
        "tracking",
        "tracking_place",
    ),
    *("typed", "versions", "workspace", "yamlfile"),
}
"""Modules of the engine that keep, open, name or check things: they decide no figure, so no stage depends on them."""


def dvc(folder: Path, *arguments: str) -> str:
    """What `dvc` says in `folder`; its own scripts import the engine of that folder."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "DVC_SITE_CACHE_DIR": str(folder / ".site")}
    command = [sys.executable, "-m", "dvc", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the pipeline needs, outside Git, with a smaller store."""
    folder = tmp_path_factory.mktemp("pipeline")
    for name in ("engine", "scripts"):
        shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("dvc.yaml", ".dvcignore"):
        shutil.copy(PROJECT / name, folder)
    (folder / ".dvc").mkdir()
    shutil.copy(PROJECT / ".dvc" / "config", folder / ".dvc")
    (folder / ".dvc" / "config.local").write_text("[core]\n    no_scm = true\n")
    (folder / ".venv").symlink_to(sys.prefix)
    params = yaml.safe_load((PROJECT / "params.yaml").read_text())
    (folder / "params.yaml").write_text(yaml.safe_dump({**params, "demo": SMALL}))
    return folder


@pytest.fixture(scope="module")
def commands() -> dict[str, list[list[str]]]:
    """Of each stage its commands as DVC would run them, in words."""
    from dvc.repo import Repo

    with Repo(str(PROJECT)) as repo:
        stages = {stage.name: stage.cmd for stage in repo.index.stages}
    lines = {name: cmd if isinstance(cmd, list) else [cmd] for name, cmd in stages.items()}
    return {name: [shlex.split(line) for line in found] for name, found in lines.items()}


def test_every_stage_is_there_and_its_values_are_in_params(commands):
    assert sorted(commands) == sorted(STAGES)
    assert not any("${" in word for lines in commands.values() for line in lines for word in line)


def test_every_command_is_one_that_its_script_takes(commands, monkeypatch):
    monkeypatch.setattr(ArgumentParser, "parse_args", stop_when_parsed)
    for line in (line for lines in commands.values() for line in lines):
        home, python, script, *options = line
        assert (home, python) == ("SHELFWISE_HOME=workspaces", ".venv/bin/python")
        with pytest.raises(Parsed):
            import_module(f"scripts.{Path(script).stem}").main(options)


class Parsed(Exception):
    """The script's parser took the options; nothing was done with them."""


def stop_when_parsed(parser: ArgumentParser, options: list[str]) -> None:
    _, unknown = parser.parse_known_args(options)  # ends with SystemExit for a value that can't be
    raise AssertionError(f"{parser.prog} doesn't take {unknown}") if unknown else Parsed


def test_the_code_that_decides_figures_is_a_dependency():
    graph = grimp.build_graph("engine", "scripts", cache_dir=None)
    stages = yaml.safe_load((PROJECT / "dvc.yaml").read_text())["stages"]
    missing = {}
    for name, stage in stages.items():
        lines = stage["cmd"] if isinstance(stage["cmd"], list) else [stage["cmd"]]
        for line in lines:
            module = f"scripts.{line.split()[0].removeprefix('${run}/').removesuffix('.py')}"
            used = {module, *graph.find_upstream_modules(module)}
            files = {f"{module.replace('.', '/')}.py" for module in used if decides(module)}
            files.add(f"{module.replace('.', '/')}.py")
            missing[f"{name}: {module}"] = sorted(f for f in files if not any(covers(dep, f) for dep in stage["deps"]))
    assert {name: files for name, files in missing.items() if files} == {}, "neither in deps nor in KEEPING"
    assert all((PROJECT / dep).exists() for stage in stages.values() for dep in stage["deps"] if "$" not in dep)


def decides(module: str) -> bool:
    """Whether what a module says can change a figure: scripts' shared options, stores and readers of files can't."""
    package, _, rest = module.partition(".")
    if package == "scripts":
        return False
    reads = rest.startswith("data.") and not rest.startswith(("data.splits", "data.demo"))
    is_file = (PROJECT / f"{module.replace('.', '/')}.py").exists()
    return is_file and not reads and rest.split(".")[0] not in KEEPING


def covers(dependency: str, file: str) -> bool:
    return file == dependency or file.startswith(f"{dependency}/")


def test_what_is_unchanged_is_skipped_and_a_value_reruns_what_is_below_it(project, tmp_path):
    said = dvc(project, "repro", "tags_evaluate", "splits")
    assert [name for name in STAGES if f"Running stage '{name}'" in said] == STAGES[:4]
    figures = dvc(project, "metrics", "show")
    assert "figures/tags/linear.json" in figures and "figures/tags/prior.json" in figures and "micro_f1" in figures
    assert "Running stage" not in dvc(project, "repro", "tags_evaluate", "splits")
    params = yaml.safe_load((project / "params.yaml").read_text())
    params["tags"]["settings"] = "ridge=0.7"
    (project / "params.yaml").write_text(yaml.safe_dump(params))
    said = dvc(project, "repro", "tags_evaluate", "splits")
    assert [name for name in STAGES if f"Running stage '{name}'" in said] == ["tags_train", "tags_evaluate"]
    assert len(list((project / "workspaces/pipeline/artifacts/taggers/linear").glob("*/card.json"))) == 2
    check_a_remote_gives_the_tables_and_figures_back(project, tmp_path)


def check_a_remote_gives_the_tables_and_figures_back(project: Path, remote: Path) -> None:
    place = project / "workspaces" / "pipeline"
    before = {file: file.read_bytes() for file in [*place.glob("tables/*"), *place.glob("figures/*/*.json")]}
    dvc(project, "remote", "add", "--local", "--default", "elsewhere", str(remote))
    dvc(project, "push")
    for lost in (project / ".dvc" / "cache", place / "tables", place / "figures"):
        shutil.rmtree(lost)
    dvc(project, "pull", "tables", "tags_evaluate")
    assert before and {file: file.read_bytes() for file in before} == before
