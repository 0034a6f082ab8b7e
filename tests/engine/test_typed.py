from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from engine.errors import SettingsError, UnknownNameError
from engine.typed import Where, build, setting


@dataclass(frozen=True)
class Inner:
    how: Literal["near", "far"] = "near"
    most: int | None = setting(3, least=1, most=9)


@dataclass(frozen=True)
class Outer:
    name: str = "x"
    rate: float = setting(0.5, above=0)
    on: bool = False
    names: tuple[str, ...] = ()
    pair: tuple[int, int] = (1, 2)
    folder: Path | None = None
    inner: Inner = field(default_factory=Inner)
    each: Mapping[str, Inner] = field(default_factory=dict)
    free: Any = None

    def __post_init__(self) -> None:
        if self.name == "bad":
            raise SettingsError("name is bad.")


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ({}, Outer()),
        ({"rate": "1e-3", "on": "yes", "names": "a, b"}, Outer(rate=0.001, on=True, names=("a", "b"))),
        (
            {"rate": 2, "names": ["a"], "pair": [3, 4], "free": [1]},
            Outer(rate=2.0, names=("a",), pair=(3, 4), free=[1]),
        ),
        ({"inner": {"how": "far", "most": "none"}}, Outer(inner=Inner("far", None))),
        ({"each": {"one": {"most": 9}}, "folder": "a/b"}, Outer(each={"one": Inner(most=9)}, folder=Path("a/b"))),
        ({"name": 7, "folder": None}, Outer(name="7")),
    ],
)
def test_values_get_the_types_of_the_fields(values, wanted):
    assert build(Outer, values) == wanted


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"rate": "fast"}, r"rate is 'fast'; it must be a number\."),
        ({"rate": 0}, r"rate is '0.0'; it must be more than 0\."),
        ({"rate": float("nan")}, "rate is 'nan'; it must be a number"),
        ({"rate": True}, "rate is 'True'; it must be a number"),
        ({"on": 2}, "on is '2'; it must be true or false"),
        ({"names": 3}, "names is '3'; it must be a list"),
        ({"pair": [1]}, "pair is .* a list of 2"),
        ({"inner": 3}, "inner is '3'; it must be keys with values"),
        ({"inner": {"how": "nah"}}, r"inner\.how is 'nah'; it must be one of near, far\."),
        ({"inner": {"most": 10}}, r"inner\.most is '10'; it must be 1 or more and 9 or less\."),
        ({"inner": {"most": 2.5}}, r"inner\.most is '2\.5'; it must be a whole number"),
        ({"each": []}, "each is .* keys with values"),
        ({"name": ["a"]}, "name is .* a text"),
        ({"name": "bad"}, "name is bad"),
    ],
)
def test_what_cant_be_used_is_named(values, said):
    with pytest.raises(SettingsError, match=said):
        build(Outer, values)


def test_an_unknown_key_names_the_nearest_and_its_place():
    where = Where("some.yaml", {("inner", "hwo"): 7})
    with pytest.raises(
        UnknownNameError, match=r"setting of inner \(some\.yaml, line 7\) named 'hwo'; did you mean 'how'"
    ):
        build(Outer, {"inner": {"hwo": 1}}, where)


def test_what_a_class_itself_refuses_gets_the_place():
    with pytest.raises(SettingsError, match=r"^some\.yaml: name is bad"):
        build(Outer, {"name": "bad"}, Where("some.yaml"))
