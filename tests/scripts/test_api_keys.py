from __future__ import annotations

import pytest

from engine.serve.keys import Keys
from engine.serve.storage import Database, database_url
from scripts.api_keys import main


def test_a_key_is_shown_once_listed_and_withdrawn(workspace, capsys):
    assert main(["--workspace", "shop", "--add", "Web shop", "--scopes", "read", "events"]) == 0
    key = capsys.readouterr().out.strip()
    database = Database(database_url(workspace.path))
    assert Keys(database, remember=0).find(key).scopes == {"read", "events"}
    database.close()
    assert main(["--workspace", "shop"]) == 0
    listed = capsys.readouterr().out
    assert "Web shop: events, read" in listed and key not in listed
    assert main(["--workspace", "shop", "--withdraw", key.split("_")[1]]) == 0
    assert "0 keys" in capsys.readouterr().out


@pytest.mark.parametrize("options", [["--add", "x", "--scopes", "all"], ["--withdraw", "nothing"]])
def test_what_there_is_not_is_told(workspace, options, capsys):
    assert main(["--workspace", "shop", *options]) == 2 and "There is no" in capsys.readouterr().err
