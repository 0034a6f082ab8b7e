import asyncio
import signal

import pytest

from engine.errors import AnswerError, BudgetError, LlmError, StorageError
from engine.llm.budget import estimate_tokens
from engine.schema import ItemText
from engine.state import State
from engine.tags.pool.generate import UNANSWERED, GenerateOptions, generate_tags, save_tags
from engine.tags.pool.makers import chunk_reviews, merge
from engine.tags.pool.quality import clean
from tests.shop import make_shop


class Scripted:
    """A maker that says `warm`, or raises what `errors` has for a SKU; remembers whom it was asked about."""

    source, at_once = "llm", 2

    def __init__(self, errors=(), version="1"):
        self.errors, self.id, self.asked = dict(errors), version, []

    async def tags(self, item: ItemText):
        self.asked.append(item.item_id)
        await asyncio.sleep(0)
        if item.item_id in self.errors:
            raise self.errors[item.item_id]
        return clean(["warm lining", "good product"])

    async def close(self):
        self.closed = True


@pytest.fixture
def shop(home):
    return make_shop(home, items=12)


def generate(shop, maker, **options):
    with State.open(shop) as state:
        return generate_tags(shop, state, maker, options=GenerateOptions(**options))


def saved(shop, source="llm"):
    tags = shop.read("tags")
    return sorted(tags[tags["source"] == source]["item_id"])


def test_every_sku_with_reviews_is_done_once_and_saved(shop):
    first, again = Scripted(), Scripted()
    report = generate(shop, first)
    expected = sorted(set(shop.read("reviews")["item_id"]))
    assert sorted(first.asked) == saved(shop) == expected
    assert report.done == len(expected)
    assert report.dropped == {"would fit any product": len(expected)}
    assert first.closed
    assert generate(shop, again).before == len(expected)
    assert again.asked == []


def test_other_sources_keep_their_tags(shop):
    before = shop.read("tags")
    generate(shop, Scripted())
    after = shop.read("tags")
    assert len(after[after["source"] == "human"]) == len(before)


def test_another_prompt_or_model_or_other_reviews_mean_again(shop):
    generate(shop, Scripted())
    newer = Scripted(version="2")
    generate(shop, newer)
    assert len(newer.asked) == len(set(shop.read("reviews")["item_id"]))
    reviews = shop.read("reviews")
    reviews.loc[reviews["item_id"] == "SK-002", "text"] = "changed"
    with shop.replace_tables("test") as writer:
        writer.write("reviews", reviews)
    changed = Scripted(version="2")
    generate(shop, changed)
    assert changed.asked == ["SK-002"]


def test_only_a_few_to_see_what_comes_out(shop):
    maker = Scripted()
    generate(shop, maker, most=5)
    assert len(maker.asked) == 5
    assert len(saved(shop)) == 5


def test_what_failed_stays_failed_until_it_is_reset(shop):
    bad = {"SK-002": AnswerError("nonsense")}
    assert generate(shop, Scripted(bad)).failed == {"SK-002": "nonsense"}
    skipped, again = Scripted(), Scripted()
    assert generate(shop, skipped).failed == {"SK-002": "nonsense"}
    assert skipped.asked == []
    assert generate(shop, again, reset_failed=True).failed == {}
    assert again.asked == ["SK-002"]


def test_a_used_up_budget_stops_cleanly_and_the_next_run_goes_on(shop):
    report = generate(shop, Scripted({"SK-006": BudgetError("used up")}))
    assert report.stopped == "used up"
    assert report.left > 0
    assert len(saved(shop)) == report.done > 0
    rest = generate(shop, Scripted())
    assert rest.left == 0
    assert rest.done + rest.before == len(saved(shop))


def test_an_unanswered_sku_is_left_for_the_next_run(shop):
    report = generate(shop, Scripted({"SK-006": LlmError("cut")}))
    assert (report.left, report.stopped) == (1, None)


def test_an_endpoint_that_is_gone_stops_the_run(shop):
    maker = Scripted({f"SK-{i:03}": LlmError("gone") for i in range(12)})
    report = generate(shop, maker)
    assert report.stopped == "gone"
    assert len(maker.asked) <= UNANSWERED + maker.at_once
    assert report.done == 0


def test_two_runs_at_once_are_refused(shop):
    class Nested(Scripted):
        async def tags(self, item):
            generate(shop, Scripted())

    with pytest.raises(StorageError, match="Another process makes tags"):
        generate(shop, Nested())


def test_saving_nothing_changes_nothing(shop):
    before = shop.data_hash("tags")
    save_tags(shop, "llm", {})
    assert shop.data_hash("tags") == before


def test_long_lists_of_reviews_are_cut_into_chunks_that_fit():
    reviews = ["мягкая подошва " * n for n in (1, 50, 500, 3)] + ["", "\x00\n", "soft"]
    chunks = chunk_reviews(reviews, tokens=300)
    assert all(sum(estimate_tokens(piece) + 2 for piece in chunk) <= 300 for chunk in chunks)
    words = " ".join(piece for chunk in chunks for piece in chunk).replace(" ", "")
    assert words == "".join(review for review in [*reviews[:4], "soft"]).replace(" ", "")


def test_no_reviews_make_no_chunk_and_a_huge_one_is_cut_off():
    assert chunk_reviews([], tokens=100) == []
    assert len(chunk_reviews(["x" * 10_000_000], tokens=100)) < 100


def test_merging_puts_what_more_chunks_say_first():
    merged = merge([["zip jams", "soft foam"], ["soft  FOAM", "light"], ["foam soft"]])
    assert merged.tags[0] == "soft foam"
    assert sorted(merged.tags) == ["light", "soft foam", "zip jams"]
    assert merged.dropped == {}


def test_ctrl_c_gets_in_between_skus_that_wait_for_nothing(shop, interruptible):
    class Busy(Scripted):
        async def tags(self, item):
            self.asked.append(item.item_id)
            if len(self.asked) == 3:
                signal.raise_signal(signal.SIGINT)
            return clean(["warm lining"])

    maker = Busy()
    with pytest.raises(KeyboardInterrupt):
        generate(shop, maker)
    assert len(maker.asked) <= 4
    assert generate(shop, Scripted()).before >= 2
