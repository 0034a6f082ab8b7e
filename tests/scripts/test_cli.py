import pytest

from engine.errors import DataError, SettingsError
from scripts.cli import chosen_seed, run


def test_an_error_meant_for_people_is_one_line_and_code_2(capsys):
    @run
    def main(argv=None):
        raise DataError("is empty", file="a\nb.csv")

    assert main([]) == 2
    assert capsys.readouterr().err == "a b.csv: is empty\n"


def test_ctrl_c_is_130(capsys):
    @run
    def main(argv=None):
        raise KeyboardInterrupt

    assert main([]) == 130
    assert "Interrupted" in capsys.readouterr().err


def test_a_bug_keeps_its_traceback():
    @run
    def main(argv=None):
        raise ValueError("bug")

    with pytest.raises(ValueError, match="bug"):
        main([])


def test_a_negative_seed_is_refused_before_anything_is_done():
    with pytest.raises(SettingsError, match="--seed is -1; it must be 0 or more"):
        chosen_seed(-1)
    assert chosen_seed(0) == 0
