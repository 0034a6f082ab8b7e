import numpy as np
import pandas as pd
import pytest
from tastes import BAGS, ITEMS, NOW, SHOES, history, two_categories

from engine.data.splits import split_by_time
from engine.recommend.evaluation import histories_of
from engine.recommend.events import EventConfig, clean_events
from engine.recommend.explain import Reason, Why
from engine.recommend.pipeline import PipelineConfig
from engine.recommending.reasons import because, deed
from engine.recommending.shop import RecommendConfig, Shop, fit_model, make_pipeline
from engine.recommending.stages import stages

COUNTED = PipelineConfig({"popular": 1.0}, beta=0.4)


@pytest.fixture(scope="module")
def shop():
    micros = 1_700_000_000_000_000 + np.arange(40) * 3_600_000_000
    frame = pd.DataFrame(
        {
            "user_id": [f"u{n % 8}" for n in range(40)],
            "item_id": [(BAGS + SHOES)[n % 20] for n in range(40)],
            "event": "view",
            "micros": micros,
        }
    )
    log, report = clean_events(frame, ITEMS, EventConfig(), now=NOW)
    split = split_by_time(pd.Series(pd.to_datetime(log.micros, unit="us", utc=True)))
    return Shop(log, report, two_categories(), split, RecommendConfig())


@pytest.fixture(scope="module")
def line(shop):
    popular = fit_model("popular", shop.all, shop.catalogue, seed=1)
    config = PipelineConfig({"popular": 1.0}, candidates=4)
    return make_pipeline(shop, shop.all, {"popular": popular}, config, seed=1)


def why(item, *reasons, category="", share=0.0, popularity=0.9):
    return Why(item, tuple(Reason(one, part) for one, part in reasons), category, share, popularity)


@pytest.mark.parametrize(
    ("found", "filled", "source", "words"),
    [
        (why(BAGS[4], (BAGS[0], 0.5)), False, "history", "Because they bought “A leather bag”"),
        (
            why(BAGS[1], (BAGS[0], 0.5), (BAGS[1], 0.2), (BAGS[2], 0.1)),
            False,
            "history",
            "Because they bought “A leather bag” and viewed this very item",
        ),
        (
            why(BAGS[4], (BAGS[0], 0.001), category="Bags", share=0.4),
            False,
            "category",
            "Because 40 % of their history is in Bags",
        ),
        (why(SHOES[4]), False, "popularity", "Popular with everybody"),
        (
            why(SHOES[4], (BAGS[0], 0.5)),
            True,
            "popularity",
            "Popular, because the models name only 4 items for this user",
        ),
    ],
)
def test_the_reason_is_a_sentence(shop, line, found, filled, source, words):
    mine = history(("x", BAGS[0], 3), ("x", BAGS[0], 2, "transaction"), ("x", BAGS[1], 1))
    said = because(shop, line.gather(mine), found, COUNTED, filled=filled)
    assert (said.source, said.words) == (source, words)


def test_somebody_new_is_shown_what_is_popular(shop, line):
    empty = histories_of(history(("x", BAGS[0], 1)), np.array(["new"], dtype=object))
    said = because(shop, line.gather(empty), why(BAGS[0]), COUNTED, filled=False)
    assert said.words == "Popular, because nothing is known of this user yet"


def test_a_category_that_does_not_count_is_no_reason(shop, line):
    mine, found = line.gather(history(("x", BAGS[0], 1))), why(BAGS[4], category="Bags", share=1.0)
    without = PipelineConfig({"popular": 1.0}, beta=0.0)
    assert because(shop, mine, found, without, filled=False).source == "popularity"
    by_source = PipelineConfig({"popular_in_category": 1.0}, beta=0.0)
    assert because(shop, mine, found, by_source, filled=False).source == "category"


def test_the_weightiest_deed_is_told_and_unknown_kinds_are_named(shop):
    mine = history(("x", BAGS[0], 3), ("x", BAGS[0], 2, "addtocart"), ("x", BAGS[1], 1))
    assert deed(shop, mine, BAGS[0]) == "put into the basket"
    assert deed(shop, mine, BAGS[1]) == "viewed"
    other = history(("x", BAGS[0], 1))
    strange = type(other)(
        other.users, other.item_ids, ("like", *other.kinds[1:]), other.weights, other.last, other.done
    )
    config = RecommendConfig(EventConfig(weights={"like": 1.0, **EventConfig().weights}))
    liked = Shop(shop.log, shop.report, shop.catalogue, shop.split, config)
    assert deed(liked, strange, BAGS[0]) == "did “like” with"


def test_stages_add_up_and_what_is_left_out_has_its_reason(shop, line):
    first = line.recommend(history(("x", "new-bag", 1)), 4).ranked.ids(ITEMS)[0]
    mine = history(("x", first[0], 2, "transaction"), ("x", first[1], 1))
    found = stages(line, line.gather(mine), 6)
    assert found.named == {"popular": 4} and found.candidates == 4
    assert (found.k, found.filled) == (6, 2)
    assert found.left_out[["item_id", "reason", "source", "rank"]].to_numpy().tolist() == [
        [first[0], "bought", "popular", 1]
    ]
    assert stages(line, line.gather(history(("x", "new-bag", 1))), 6).left_out.empty
