"""The script that trains the search: what it says when something is missing."""

import pytest

from scripts.train_search import main


def test_without_documents_the_next_command_is_named(workspace, capsys):
    assert main(["--workspace", workspace.name]) == 2
    assert "build_documents.py --workspace shop" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--set", "round=3"], "rounds"), (["--set", "rounds=many"], "whole"), (["--seed", "-1"], "0")],
)
def test_a_wrong_option_is_named(workspace, capsys, arguments, said):
    assert main(["--workspace", workspace.name, *arguments]) == 2
    assert said in capsys.readouterr().err
