"""The script that embeds and indexes, with the tiny model."""

from __future__ import annotations

import pytest

from engine.search.dense import Dense
from scripts.build_index import main
from tests.engine.search.indexing import documents, saved
from tests.tiny_model import tiny_model


@pytest.fixture
def model(monkeypatch):
    monkeypatch.setenv("SHELFWISE_THREADS", "1")
    return str(tiny_model())


def test_it_says_what_the_index_holds(workspace, model, capsys):
    saved(workspace, documents(12))
    assert main(["--workspace", workspace.name, "--encoder", model, "--budget", "64"]) == 0
    assert "Indexed 12 documents" in capsys.readouterr().out
    dense = Dense.open(workspace, model)
    assert dense.search(["[Title] shoe 7"], 1).ids(dense.item_ids) == [["sku-0007"]]


def test_without_documents_it_names_the_command(workspace, model, capsys):
    assert main(["--workspace", workspace.name, "--encoder", model]) == 2
    assert "scripts/build_documents.py" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--backend", "onyx"], "no encoder backend"),
        (["--max-tokens", "0"], "max_tokens is 0"),
        (["--chroma", "http://shop.example"], "Chroma server's address"),
    ],
)
def test_bad_options(workspace, model, capsys, options, said):
    saved(workspace, documents(3))
    assert main(["--workspace", workspace.name, "--encoder", model, *options]) == 2
    assert said in capsys.readouterr().err
