"""Masks hide people and nothing else, stay the same, and are another person's in another workspace."""

import pandas as pd
import pytest

from engine.masking import MASK, Masks, open_masks
from engine.runs import RunStore, new_run
from engine.sql import Queries
from engine.workspace import new_workspace

WHEN = pd.Timestamp("2024-06-01", tz="UTC")
KNOWN = ("U-1", "U-10", "Ann Lee", "257597")


@pytest.fixture
def masks():
    return Masks(b"secret", frozenset(KNOWN))


@pytest.mark.parametrize("user", KNOWN)
def test_a_mask_tells_nothing_and_resolves_back(masks, user):
    mask = masks.text(user)
    assert MASK.fullmatch(mask) and mask == masks.person(user) == masks.person(mask)
    assert masks.real(mask) == user and masks.real(f"test {mask}") == f"test {user}"


def test_a_mask_is_another_with_another_secret(masks):
    assert masks.person("U-1") != Masks(b"other", masks.known).person("U-1") != masks.person("U-10")


def test_ids_are_found_as_a_part_of_others_and_nothing_else_is_touched(masks):
    one, ann = masks.person("U-1"), masks.person("Ann Lee")
    assert masks.text("test U-1") == f"test {one}"
    assert masks.text("test Ann Lee") == f"test {ann}"
    assert masks.text("U-1:B00X:1700") == f"{one}:B00X:1700"
    for said in ("", "new visitor", "U-12", "bag U-1x", "Ann", masks.person("somebody who left")):
        assert masks.text(said) == said == masks.real(said)


def test_a_frame_keeps_its_rows_and_loses_its_people(masks):
    frame = pd.DataFrame(
        {
            "user_id": ["U-1", "left long ago", None],
            "list_id": ["test U-1", "test U-10", "test 257597"],
            "review_id": ["R-1", "U-10:B0:17", "257597"],
            "item_id": ["U-1", "x", "y"],
            "label": ["U-1", "U-10", "257597"],
        }
    )
    masked = masks.frame(frame)
    assert masked["user_id"].map(lambda one: one is None or pd.isna(one) or bool(MASK.fullmatch(one))).all()
    assert masked["user_id"].isna().tolist() == [False, False, True]
    assert masked["list_id"].map(masks.real).tolist() == frame["list_id"].tolist()
    assert masked["review_id"].tolist() == ["R-1", f"{masks.person('U-10')}:B0:17", "257597"]
    assert masked["item_id"].tolist() == frame["item_id"].tolist()
    assert all(MASK.fullmatch(one) for one in masked["label"])
    assert frame["user_id"].iloc[0] == "U-1"


def test_the_words_of_a_query_that_look_like_an_id_stay(masks):
    asked = pd.DataFrame({"query_id": ["257597"], "label": ["lego 257597"]})
    assert masks.frame(asked).equals(asked)


def people_of(home, name):
    workspace = new_workspace(home, name)
    with workspace.replace_tables("plain") as writer:
        writer.write("items", pd.DataFrame({"item_id": ["bag"], "title": ["bag"], "category": ["Bags"]}))
        event = {"user_id": "U-1", "item_id": "bag", "event": "view", "timestamp": WHEN}
        writer.write("events", pd.DataFrame([event]))
        review = {"review_id": "r", "item_id": "bag", "user_id": "Ann Lee", "text": "fine", "timestamp": WHEN}
        writer.write("reviews", pd.DataFrame([review]))
    return workspace


def test_all_who_act_review_or_stand_in_a_run_are_known_and_the_secret_is_kept(home):
    workspace = people_of(home, "shop")
    run = new_run("rank", "popular", config={}, data_hash="d", split="s", seed=1, eligibility="all")
    rows = {"list_id": ["test left"], "user_id": ["left"], "hits": [["bag"]], "scores": [[0.5]], "relevant": [["bag"]]}
    RunStore(workspace).save(run, pd.DataFrame(rows))
    masks = open_masks(Queries(workspace))
    assert masks.known == {"U-1", "Ann Lee", "left"}
    assert open_masks(Queries(workspace)) == masks
    assert open_masks(Queries(people_of(home, "other"))).person("U-1") != masks.person("U-1")
