import asyncio
import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from engine.llm.backends import Endpoint
from engine.llm.client import LlmClient
from engine.state import State
from engine.tags.pool.build import follow
from engine.tags.pool.consolidate import ConsolidationConfig, consolidate
from engine.tags.pool.families import related
from engine.tags.pool.grounding import grounding, roots_of
from engine.tags.pool.naming import LlmNamer, UsualNamer
from engine.tags.pool.quality import tidy
from tests.fakes import HOSTILE, completion, serving

OPPOSITES = list(csv.reader(Path(__file__).with_name("opposites.csv").read_text(encoding="utf-8").splitlines()))
ALL = ConsolidationConfig(most_share=1.0)


def pool_of(counts, config=ALL, namer=None, **options):
    return asyncio.run(consolidate({"Shoes": counts}, namer or UsualNamer(), config=config, **options))["Shoes"]


async def all_the_same(tags):
    """An encoder that holds every tag for the same."""
    return np.ones((len(tags), 1), dtype=np.float32)


def test_forms_of_one_word_in_any_order_become_the_most_frequent():
    pool = pool_of({"мягкая подошва": 3, "подошва мягкая": 1, "мягкие подошвы": 1, "лёгкие": 2, "легкая": 5})
    assert pool.mapping == {
        "мягкая подошва": "мягкая подошва", "подошва мягкая": "мягкая подошва", "мягкие подошвы": "мягкая подошва",
        "лёгкие": "легкая", "легкая": "легкая",
    }  # fmt: skip
    assert pool.counts == {"легкая": 7, "мягкая подошва": 5}


def test_a_rare_tag_goes_to_what_it_says_more_generally():
    counts = {"soft sole": 5, "soft rubber sole": 1, "handy": 4, "handy strap": 1, "soft": 9, "soft lining": 1}
    mapping = pool_of(counts).mapping
    assert mapping["soft rubber sole"] == "soft sole"
    assert mapping["handy strap"] == "handy"
    assert mapping["soft lining"] == "soft lining"  # a soft lining makes no soft shoe


def test_a_rare_tag_never_loses_its_denial_size_or_degree():
    counts = {"держит форму": 9, "не держит форму": 1, "плохо держит форму": 1, "карман": 5, "маленький карман": 1}
    assert all(pool_of(counts).mapping[tag] == tag for tag in counts)


def test_opposites_never_merge_even_when_an_encoder_holds_all_tags_for_the_same():
    for one, other in ((tidy(a), tidy(b)) for a, b in OPPOSITES):
        mapping = pool_of({one: 1, other: 9}, vectors=all_the_same).mapping
        assert mapping.get(one, 1) != mapping.get(other, 2), (one, other)


def test_opposites_never_merge_by_way_of_others():
    counts = Counter(tidy(tag) for pair in OPPOSITES for tag in pair)
    pool = pool_of(
        dict(counts), vectors=all_the_same, config=ConsolidationConfig(threshold=0.01, most_share=1.0, rare=3)
    )
    merged = [(a, b) for a, b in OPPOSITES if pool.mapping.get(tidy(a), 1) == pool.mapping.get(tidy(b), 2)]
    assert merged == []


def test_every_tag_is_kept_or_dropped_with_a_reason_and_the_pool_has_its_size():
    counts = {f"tag {letter}{other}": 1 for letter in "abcdefghij" for other in "klmnopqrst"} | {"good product": 50}
    pool = pool_of(counts, ConsolidationConfig())
    assert pool.mapping.keys() | pool.dropped.keys() == counts.keys()
    assert not pool.mapping.keys() & pool.dropped.keys()
    assert len(pool.counts) <= len(counts) // 4
    assert pool.dropped["good product"] == "it would fit any product"
    assert set(pool.mapping.values()) == set(pool.counts)
    assert pool.counts.keys() <= pool.mapping.keys()


def test_what_many_skus_share_stays_even_where_the_pool_is_full():
    pool = pool_of({"blue lace": 9, "red buckle": 4, "green sole": 3, "grey tongue": 1}, ConsolidationConfig())
    assert list(pool.counts) == ["blue lace", "red buckle"]


def test_of_equally_rare_tags_those_in_the_reviews_own_words_stay():
    counts = {"blue lace": 1, "red buckle": 1, "green sole": 1, "grey tongue": 1}
    pool = pool_of(counts, ConsolidationConfig(), grounded={"Shoes": {"grey tongue": 1}})
    assert list(pool.counts) == ["grey tongue"]


def test_an_llm_names_clusters_by_number_and_may_refuse(workspace):
    members = {"red lace": 1, "red laces": 5, "laces red": 2}

    def named(content):
        async def asking(url):
            with State.open(workspace) as state:
                async with LlmClient(Endpoint(url, str(content)[:40], None, 2), state) as client:
                    return await LlmNamer(client).name("Shoes", members)

        with serving(lambda body: completion(content)) as server:
            return asyncio.run(asking(server.url))

    assert named({"name": 2, "same": [1, 2, 3]}) == [("laces red", ("laces red", "red laces", "red lace"))]
    assert named({"name": 1, "same": [1]}) == [(tag, (tag,)) for tag in ("red laces", "red lace", "laces red")]
    assert named({"name": 1, "same": [1, 2, 99, -1]})[0] == ("red laces", ("red laces", "laces red"))
    for hostile in ({"name": 99, "same": [1, 2, 3]}, {"name": "red", "same": []}, *HOSTILE):
        found = named(hostile)
        assert sorted(tag for _, part in found for tag in part) == sorted(members)
        assert all(name in part for name, part in found)
        assert len(found) == 3


def test_what_an_llm_refuses_to_merge_stays_apart(workspace):
    class Refusing:
        id = "refusing"

        async def name(self, category, members):
            return [(tag, (tag,)) for tag in members]

    counts = {"red lace": 9, "red laces": 1}
    assert pool_of(counts, namer=Refusing()).mapping == {tag: tag for tag in counts}


def test_chains_are_followed_to_their_end_and_circles_have_one():
    assert follow({"a": "b", "b": "c", "d": "d"}) == {"a": "c", "b": "c", "d": "d"}
    assert follow({"a": "b", "b": "a", "x": "b"}) == {"a": "a", "b": "a", "x": "a"}
    assert set(follow({"a": "b", "b": "a"}, prefer=["b"]).values()) == {"b"}
    assert follow({f"{i}": f"{i + 1}" for i in range(5000)})["0"] == "5000"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("упаковк", "упакова", True),
        ("увлажня", "увлажнен", True),
        ("цветочн", "цветост", False),
        ("нежн", "нежност", False),
        ("soft", "softer", False),
    ],
)
def test_families_of_roots(one, other, same):
    assert related(one, other) is same


def test_grounding_by_hand():
    roots = {"1": roots_of(["Подошва мягкая, запаха нет"]), "2": roots_of(["Zip jams"])}
    found = grounding(
        {"1": ["мягкая подошва", "без запаха", "легкая подошва"], "2": ["zip jams"], "3": ["light"]}, roots
    )
    assert (found.grounded, found.assignments) == (3, 5)
    assert found.share == 0.6
