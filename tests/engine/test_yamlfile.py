from __future__ import annotations

import pytest

from engine.errors import DataError, SettingsError
from engine.yamlfile import MOST_BYTES, override, read_yaml


@pytest.fixture
def read(tmp_path):
    def written(text):
        path = tmp_path / "some.yaml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return read_yaml(path)

    return written


def test_values_come_with_their_lines(read):
    values, where = read("# about\na:\n  b: 1\n  c: {d: x}\n")
    assert values == {"a": {"b": 1, "c": {"d": "x"}}}
    assert where.at("a").at("c").at("d").place.endswith("some.yaml, line 4")
    assert read("") == ({}, where.__class__(where.file))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: [", r"line 2: this isn't YAML"),
        ("a:\n\t- 1", r"line 2: this isn't YAML"),
        ("a: 1\nb:\n  c: 1\n  c: 2\n", r"line 4: 'b\.c' stands in line 3 already"),
        ("a: &x [1]\nb: *x\n", "refers to another place"),
        ("- a", "must hold keys with values"),
        ("a: !!python/object/apply:os.system [ls]", "line 1: this isn't YAML"),
        ("a: " + "[" * 5000 + "]" * 5000, "nested too deeply"),
        ("a: \x00", "isn't YAML"),
        (b"a: \xff", "isn't text in UTF-8"),
        ("#" * (MOST_BYTES + 1), "at most 262,144"),
    ],
)
def test_what_isnt_a_plain_configuration_is_refused(read, text, said):
    with pytest.raises(DataError, match=said):
        read(text)


def test_an_absent_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"no\.yaml: there is no such file"):
        read_yaml(tmp_path / "no.yaml")


def test_overrides_go_in_without_changing_what_was_read(read):
    values, where = read("a:\n  b: 1\n")
    changed, there = override(values, where, ["a.b=2", "c.d.e=x=y"])
    assert changed == {"a": {"b": "2"}, "c": {"d": {"e": "x=y"}}} and values == {"a": {"b": 1}}
    assert there.at("a").at("b").place == "--set"
    for pair in ("a.b", "=1", "a..b=1"):
        with pytest.raises(SettingsError, match="give a key and its value"):
            override(values, where, [pair])
