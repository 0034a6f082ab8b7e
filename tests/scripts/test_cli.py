import pytest

from engine.errors import DataError
from scripts.cli import run


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
