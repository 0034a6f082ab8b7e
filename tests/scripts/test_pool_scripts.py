"""Pools from tags to SKUs again, with Lamoda's own file forms on the way."""

import csv

import pandas as pd
import pytest

from engine.data.lamoda import read_mappings, read_pools
from engine.workspace import new_workspace
from scripts import apply_tag_pool, build_tag_pool, consolidate_tags
from tests.fakes import completion, serving

TAGS = {
    "1": ["Мягкая подошва", "лёгкие", "good product"],
    "2": ["подошва мягкая", "Лёгкая", "не линяет"],
    "3": ["мягкая подошва", "линяет", "узкий ремень"],
}


@pytest.fixture
def shop(home, monkeypatch):
    for name in ("BASE_URL", "TOKEN", "MODEL"):
        monkeypatch.delenv(f"OPENAI_{name}", raising=False)
    workspace = new_workspace(home, "shop")
    items = pd.DataFrame({"item_id": list(TAGS), "title": "x", "category": "Shoes"})
    reviews = pd.DataFrame({"review_id": list(TAGS), "item_id": list(TAGS), "text": "Подошва мягкая"})
    tags = pd.DataFrame(
        [(i, tag, "llm") for i, found in TAGS.items() for tag in found], columns=["item_id", "tag", "source"]
    )
    with workspace.replace_tables("test") as writer:
        writer.write("items", items)
        writer.write("reviews", reviews)
        writer.write("tags", tags)
    return workspace


def pooled(workspace):
    tags = workspace.read("tags")
    return tags[tags["source"] == "pool"].groupby("item_id")["tag"].agg(set).to_dict()


def test_from_free_tags_to_pooled_ones(shop, tmp_path, capsys):
    raw, best, mapping, tagged = (tmp_path / f"{name}.csv" for name in ("raw", "best", "map", "lamoda_pull"))
    common = ["--workspace", "shop"]
    assert build_tag_pool.main([*common, "--csv", str(raw)]) == 0
    options = ["--most-share", "1", "--pool-csv", str(best), "--map-csv", str(mapping)]
    assert consolidate_tags.main([*common, *options]) == 0
    assert apply_tag_pool.main([*common, "--csv", str(tagged)]) == 0
    said = capsys.readouterr().out
    assert "Named by  most frequent member" in said
    assert "1 it would fit any product" in said
    assert pooled(shop)["1"] == {"мягкая подошва", "легкие"} or pooled(shop)["1"] == {"мягкая подошва", "легкая"}
    assert pooled(shop)["2"] & pooled(shop)["1"] == pooled(shop)["1"]
    assert not pooled(shop)["2"] & pooled(shop)["3"] - {"мягкая подошва"}  # fades and doesn't fade stay two
    assert len(shop.read("tags")) == 9 + 8
    assert "good product" in read_pools(raw)["Shoes"]
    assert "good product" not in read_pools(best)["Shoes"]
    assert read_mappings(mapping)["Shoes"]["подошва мягкая"] == "мягкая подошва"
    with tagged.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["product_sku"] for row in rows] == ["1", "2", "3"]
    assert rows[2]["comment_text"] == '["Подошва мягкая"]'


def test_a_map_of_somebody_else_is_followed_and_its_losses_are_named(shop, tmp_path, capsys):
    (tmp_path / "map.csv").write_text(
        "good_type,old_tags,new_tag\nShoes,лёгкие; лёгкая,лёгкий\nShoes,лёгкий,невесомый\nShoes,узкий ремень,ремень\n",
        encoding="utf-8",
    )
    (tmp_path / "pool.csv").write_text("good_type,tags\nShoes,невесомый; мягкая подошва\n", encoding="utf-8")
    options = ["--map-csv", str(tmp_path / "map.csv"), "--pool-csv", str(tmp_path / "pool.csv")]
    assert apply_tag_pool.main(["--workspace", "shop", *options]) == 0
    assert pooled(shop) == {"1": {"мягкая подошва", "невесомый"}, "2": {"невесомый"}, "3": {"мягкая подошва"}}
    assert "its new tag 'ремень' isn't in the pool" in capsys.readouterr().out


def test_each_step_says_which_one_comes_before(shop, capsys):
    assert consolidate_tags.main(["--workspace", "shop"]) == 2
    assert "build_tag_pool.py --workspace shop" in capsys.readouterr().err
    assert apply_tag_pool.main(["--workspace", "shop"]) == 2
    assert "consolidate_tags.py --workspace shop" in capsys.readouterr().err
    assert build_tag_pool.main(["--workspace", "shop", "--source", "human"]) == 2
    assert "no tags of source 'human'" in capsys.readouterr().err


def test_an_llm_that_refuses_keeps_tags_apart(shop, monkeypatch, capsys):
    with serving(lambda body: completion({"name": 1, "same": [1]})) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_MODEL", "fake")
        build_tag_pool.main(["--workspace", "shop"])
        assert consolidate_tags.main(["--workspace", "shop", "--most-share", "1", "--backend", "vllm"]) == 0
        asked = len(server.requests)
        assert consolidate_tags.main(["--workspace", "shop", "--most-share", "1", "--backend", "vllm"]) == 0
        assert len(server.requests) == asked == 2
    assert "name_cluster@1 fake" in capsys.readouterr().out
    apply_tag_pool.main(["--workspace", "shop"])
    assert "подошва мягкая" in pooled(shop)["2"]
