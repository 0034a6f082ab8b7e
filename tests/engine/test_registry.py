import pytest

from engine.errors import MissingExtraError, UnknownNameError
from engine.registry import Part, Registry

REGISTRY = Registry(
    "tagger",
    {
        "counter": Part("collections:Counter", "a class of the standard library"),
        "gone": Part("no_such_library:Thing", "needs what isn't installed", extra="graph"),
        "broken": Part("engine.no_such_module:Thing", "a mistake of ours"),
    },
)


def test_a_name_gives_its_class():
    assert REGISTRY.load("counter").__name__ == "Counter"


def test_an_unknown_name_and_a_missing_library_say_the_way_out():
    with pytest.raises(UnknownNameError, match="did you mean 'counter'"):
        REGISTRY.load("countr")
    with pytest.raises(MissingExtraError, match=r"tagger gone needs no_such_library.*\[graph\]"):
        REGISTRY.load("gone")


def test_our_own_mistakes_keep_their_traceback():
    with pytest.raises(ModuleNotFoundError):
        REGISTRY.load("broken")
