"""Recording answers and taking them over, on the command line."""

from engine.llm.recorded import recordings
from engine.state import State
from engine.workspace import new_workspace
from scripts.freeze_answers import main

KEPT = "INSERT INTO answers (key, prompt, model, answer, tokens_in, tokens_out) VALUES (?, ?, ?, ?, 1, 1)"


def test_answers_leave_and_come_into_another_workspace(workspace, home, tmp_path, capsys):
    file, asked = tmp_path / "said.json", ["--workspace", "shop"]
    assert main([*asked, str(file)]) == 2 and "has no answers of its own" in capsys.readouterr().err
    with State.open(workspace) as state:
        state.write(KEPT, [("a" * 64, "check_tags@1", "said-1", '{"candidates": []}')])
    assert main([*asked, str(file), "--stand-in"]) == 0
    other = new_workspace(home, "other")
    assert main(["--workspace", "other", str(file), "--load"]) == 0
    assert "1 recorded answers are in workspace other" in capsys.readouterr().out
    with State.open(other) as state:
        assert [one.by for one in recordings(state, "check_tags@1")] == ["stand-in"]
    assert main(["--workspace", "other", str(file)]) == 2  # what was recorded is no answer of its own


def test_a_file_that_is_not_there_is_named(workspace, tmp_path, capsys):
    assert main(["--workspace", "shop", str(tmp_path / "gone.json"), "--load"]) == 2
    assert "gone.json" in capsys.readouterr().err
