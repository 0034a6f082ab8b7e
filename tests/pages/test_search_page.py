"""Product search: asking, filters, what explains a hit, judging, two retrievers, and every state a link can lead to."""

import csv
import io
import re

import numpy as np
import pandas as pd
import pytest
from conftest import run
from reading import part, shown

from engine.artifacts import ArtifactStore, Card
from engine.asked import Asked
from engine.judging import Judging
from engine.ranked import Ranked
from engine.workspace import Workspace
from pages.parts import search_hits
from tests.searched import Searching, build

SEARCH = "pages/views/product_search.py"
EVERY = Ranked(np.array([[0, 1]]), np.array([[2.0, 1.0]], dtype=np.float32))
HOSTILE = '<img src=x onerror="window.broken = 1">'


@pytest.fixture
def searching(shop, monkeypatch):
    """The shop with a search whose answers are known."""
    build(shop)
    made = Searching()
    monkeypatch.setattr("pages.parts.search_cache.searching", made)
    return made


@pytest.fixture
def search(searching):
    """Open the product search at an address."""
    return lambda **address: run(SEARCH, address)


def hits(app, key="hits"):
    return re.findall(r'id="(?:hit|a|b)-([^"]+)"', part(app, key))


def click(app, label):
    next(button for button in app.button if button.label.startswith(label)).click()
    app.run()
    assert not app.exception
    return app


def test_without_a_query_there_are_examples_and_no_model_is_opened(search, searching, shop):
    app = search()
    assert 'href="./search?workspace=demo&amp;q=warm"' in part(app, "examples")
    assert "None so far" in part(app, "troubled")
    assert searching.opened == []
    assert not (shop.path / "state.sqlite").exists()


def test_hits_have_marked_words_tags_quotes_and_a_bar_per_stage(search):
    app = search(q="item number warm")
    card = part(app, "hits").split('id="hit-SK-004"')[1].split('id="hit-')[0]
    assert '<mark class="sw-word">Item</mark> <mark class="sw-word">number</mark> 4' in card
    assert '<span class="sw-chip sw-tagged"><mark class="sw-word">warm</mark></span>' in card
    assert '<q class="sw-cite">Nice and <mark class="sw-word">warm</mark>.</q>' in card
    assert re.findall(r'class="sw-stage" title="([^:]+):', card) == ["Words", "Meaning", "Second stage"]
    assert 'src="data:image/svg+xml;base64,' in part(search(q="item number 6"), "hits")


def test_an_item_without_a_title_is_named_by_what_reviews_say():
    item = {"item_id": "A", "title": "A", "keywords": ["soft", "for mum"]}
    said = '<span class="sw-quiet">No title; reviews say</span> soft, for <mark class="sw-word">mum</mark>'
    assert search_hits.title(item, {"mum"}) == said
    assert search_hits.title({**item, "keywords": []}, {"mum"}) == "A"
    assert (
        search_hits.title({**item, "title": "Soft <b>bag"}, {"soft"})
        == '<mark class="sw-word">Soft</mark> &lt;b&gt;bag'
    )


def test_only_a_page_of_hits_is_drawn_and_pages_keep_the_query(search):
    app = search(q="item")
    assert len(hits(app)) == 20
    assert 'href="./search?workspace=demo&amp;page=2&amp;q=item"' in part(app, "hits")
    assert len(hits(search(q="item", page="2"))) == 9
    assert len(hits(search(q="item", page="99"))) == 9


def test_filters_hold_inside_retrieval_and_are_chips_that_leave(search):
    app = search(q="item", category="Bags|Toys", tags="warm", price="10..17", stock="1")
    found = hits(app)
    assert set(found) == {"SK-002", "SK-003", "SK-005", "SK-006"}
    chosen = part(app, "chosen")
    for words in ("Bags", "Toys", "warm", "Price 10.00 to 17.00", "In stock"):
        assert words in chosen
    assert "category=Toys&amp;tags=warm" in chosen and "category=Bags%7CToys&amp;price=10..17" in chosen
    assert 'href="./search?workspace=demo&amp;q=item"' in chosen
    assert "among 4 SKUs" in part(app, "count")


def test_the_stars_filter_keeps_what_is_rated_so(search):
    assert set(hits(search(q="item", stars="4.5"))) == {f"SK-{n:03d}" for n in range(4, 30, 5)}


def test_choosing_a_filter_writes_it_into_the_address(search):
    app = search(q="item", sku="SK-003")
    app.get_by_key("at-tags").set_value(["warm"]).run()
    assert app.query_params == {"workspace": "demo", "q": "item", "tags": "warm"}
    app.get_by_key("at-price").set_value((12.0, 15.0)).run()
    assert app.query_params["price"] == "12..15"
    assert set(hits(app)) == {"SK-002", "SK-003", "SK-004", "SK-005"}


@pytest.mark.parametrize(
    ("address", "said", "way"),
    [
        (
            {"category": "Bgas"},
            "There is no category named &#39;Bgas&#39;; did you mean &#39;Bags&#39;?",
            "category=Bags",
        ),
        ({"category": "Toys|Bgas"}, "There is no category named &#39;Bgas&#39;", "category=Toys%7CBags"),
        ({"tags": "wram"}, "did you mean &#39;warm&#39;?", "tags=warm"),
        ({"by": "bm52"}, "There is no retriever named &#39;bm52&#39;; did you mean &#39;bm25&#39;?", "by=bm25"),
        ({"beside": "dens"}, "did you mean &#39;dense&#39;?", ""),
        ({"sku": "SK-0007"}, "There is no SKU named &#39;SK-0007&#39;", "sku="),
        ({"sku": "SK-002", "above": "nothing"}, "There is no hit to compare with named &#39;nothing&#39;", ""),
        ({"price": "cheap"}, "&#39;cheap&#39; is no span of numbers such as 10..50.", 'q=item"'),
        ({"price": "50..10"}, "its lower end is above its upper one", 'q=item"'),
        ({"stars": "many"}, "&#39;many&#39; is no number of stars.", 'q=item"'),
        ({"stars": "nan"}, "can&#39;t be a limit", 'q=item"'),
    ],
)
def test_bad_values_in_a_link_are_named_with_a_way_out(search, address, said, way):
    page = shown(search(q="item", **address))
    assert said in page
    assert way in page


def test_a_query_of_stop_words_or_signs_is_told_so(search):
    assert "only words such as" in part(search(q="the of and"), "state-empty-query")
    assert "it has no words" in part(search(q="?!"), "state-empty-query")


def test_what_was_corrected_is_told(search):
    app = search(q="numbre 7")
    assert "Searched for “number” instead of “numbre”" in part(app, "corrected")
    assert "SK-007" in hits(app)


def test_guesses_are_not_shown_as_hits_unless_asked_for(search, searching, shop, monkeypatch):
    monkeypatch.setattr("tests.searched.Bm25.search", lambda self, queries, k, eligible=None: EVERY)
    monkeypatch.setattr("engine.search.hits.LOW_COSINE", 0.9)
    said = part(search(q="zzyzx"), "state-empty-list")
    assert "No word of “zzyzx” is in the catalogue, and no item is near it in meaning." in said
    assert 'href="./search?workspace=demo&amp;q=zzyzx&amp;all=1"' in said
    assert hits(search(q="zzyzx", all="1")) == ["SK-000", "SK-001"]
    assert len(hits(search(q="zzyzx", beside="bm25"), "list-A")) == 2
    assert Asked(shop).troubled(5)[["query", "empty", "weak"]].to_numpy().tolist() == [["zzyzx", 1, 2]]


def test_nothing_found_is_kept_among_the_queries_that_go_badly_once(search, shop):
    app = search(q="zzyzx")
    assert "finds nothing for “zzyzx”" in part(app, "state-empty-list")
    app.run()
    rows = Asked(shop).troubled(5)
    assert rows[["query", "times", "empty"]].to_numpy().tolist() == [["zzyzx", 1, 1]]
    assert "zzyzx" in part(search(), "troubled")


def test_nothing_found_with_filters_leads_out_and_is_not_counted(search, shop):
    app = search(q="item", price="900..1000")
    assert "with these filters" in part(app, "state-empty-list")
    assert 'href="./search?workspace=demo&amp;q=item"' in part(app, "state-empty-list")
    assert Asked(shop).troubled(5).empty


def test_an_open_hit_shows_stages_and_why_it_is_above_the_next(search):
    app = search(q="item", sku=hits(search(q="item"))[0])
    breakdown = part(app, "breakdown")
    assert re.findall(r"<tr><td>([^<]+)</td>", breakdown) == ["Words", "Meaning", "Second stage"]
    why = part(app, "why")
    assert "Why #1 is above #2" in why
    assert re.findall(r'<span>([^<]+)</span> <b class="sw-num">([^<]+)</b>', why) == [
        ("meaning", "+1.00"),
        ("price", "+0.10"),
    ]


def test_any_two_hits_are_compared_the_higher_one_first(search):
    found = hits(search(q="item"))
    app = search(q="item", sku=found[4], above=found[0])
    assert "Why #1 is above #5" in part(app, "why")
    assert app.get_by_key("at-above").value == found[0]


def test_a_retriever_without_features_is_compared_by_its_score(search):
    found = hits(search(q="item", by="bm25"))
    app = search(q="item number 7", by="bm25", sku="SK-007")
    assert "no features beyond its stages" in part(app, "why")
    assert found


def test_sentences_are_told_by_words_and_by_meaning(search):
    quotes = part(search(q="warm item", sku="SK-004"), "quotes")
    assert "closest by words" in quotes and "close in meaning, cosine" in quotes
    assert '<mark class="sw-word">warm</mark>' in quotes
    assert not part(search(q="warm item", sku="SK-005"), "quotes")


def test_similar_items_are_links(search):
    assert "sku=SK-001" in part(search(q="item", sku="SK-004"), "similar")


def test_an_item_that_the_query_does_not_find_says_so(search):
    app = search(q="warm", sku="SK-020")
    assert "isn’t among the" in part(app, "hit-head")


def test_a_sku_without_a_query_shows_who_finds_it_and_what_search_reads(search, shop):
    Judging(shop).judge("warm number 4", "SK-004", "good", who="Ann")
    Judging(shop).judge("warm things", "SK-004", "bad", who="Ann")
    Asked(shop).note("number 4", found=3, weak=False)
    Asked(shop).note("bag", found=3, weak=False)
    app = search(sku="SK-004")
    rows = re.findall(r">(#\d+)</b></td><td><a [^>]*>([^<]+)</a></td><td>([^<]+)</td>", part(app, "finders"))
    assert rows[0] == ("#1", "warm number 4", "judged good here")
    assert {row[1:] for row in rows} == {
        ("Item number 4", "its title"),
        ("number 4", "asked here"),
        ("warm number 4", "judged good here"),
        ("warm", "its tag"),
    }
    assert "Of 1 query whose good answer it is, 1 find it within the first 10" in part(app, "finders")
    assert 'href="./search?workspace=demo&amp;q=number+4&amp;sku=SK-004"' in part(app, "finders")
    assert '<span class="sw-meta">Title</span><p class="sw-lead">Item number 4</p>' in part(app, "item-read")
    assert 'href="./sku?workspace=demo&amp;sku=SK-004"' in part(app, "item-head")
    assert "sku=SK-001" in part(app, "similar")
    assert 'href="./search?workspace=demo"' in part(app, "back")


def test_a_known_answer_that_is_not_found_is_told_of_its_query(search, shop):
    with shop.replace_tables("test") as writer:
        columns = ["query_id", "query", "item_id", "relevance", "source"]
        rows = [("Q-1", "kettle", "SK-004", 3.0, "import"), ("Q-1", "kettle", "SK-005", 0.0, "import")]
        writer.write("judgments", pd.DataFrame(rows, columns=columns))
    finders = part(search(sku="SK-004"), "finders")
    assert "Of 1 query whose good answer it is, 0 find it" in finders and "not in 100" in finders
    assert 'href="./search?workspace=demo&amp;q=kettle"' in finders
    assert "kettle" not in part(search(sku="SK-005"), "finders")


def test_an_unknown_sku_without_a_query_is_named_with_the_nearest(search):
    assert "There is no SKU named &#39;SK-0004&#39;" in shown(search(sku="SK-0004"))


def test_skus_without_text_are_counted_and_open_to_their_rows(shop, monkeypatch):
    build(shop, untitled=("SK-003", "SK-004"))
    monkeypatch.setattr("pages.parts.search_cache.searching", Searching())
    app = run(SEARCH, {})
    assert '?workspace=demo&amp;rows=textless">2 SKUs</a> of 30' in part(app, "textless")
    assert app.code[-1].value == ".venv/bin/python scripts/build_search.py --workspace demo"
    assert "2 without text" in part(run(SEARCH, {"q": "item"}), "count")
    drawer = run(SEARCH, {"q": "item", "rows": "textless"})
    assert drawer.dataframe[0].value.to_dict("records") == [
        {"item_id": "SK-003", "category": "Bags", "reviews_before_cut_off": 0, "reviews": 3},
        {"item_id": "SK-004", "category": "Shoes", "reviews_before_cut_off": 0, "reviews": 4},
    ]
    assert "so no query can find it" in part(run(SEARCH, {"sku": "SK-003"}), "item-read")
    assert "There is no figure named" in shown(run(SEARCH, {"rows": "other"}))


def test_where_all_hold_text_nothing_is_said_of_it(search):
    assert not part(search(), "textless")
    assert "without text" not in part(search(q="item"), "count")


def test_a_judgment_keeps_who_and_goes_on_to_the_next_hit(search, shop):
    found = hits(search(q="item"))
    app = click(search(q="item", sku=found[0], who="Ann"), "Good")
    assert app.query_params["sku"] == found[1]
    assert "Good" in part(app, "said") and found[0] in part(app, "said")
    assert 'sw-badge sw-up" title="good, by Ann"' in part(app, "hits")
    rows = Judging(shop).current()
    assert rows[["query", "item_id", "verdict", "reason", "who"]].to_numpy().tolist() == [
        ["item", found[0], "good", "", "Ann"]
    ]


def test_a_reason_goes_with_bad_and_undo_shows_the_hit_again(search, shop):
    found = hits(search(q="item"))
    app = search(q="item", sku=found[2])
    app.selectbox(key="judge-reason").set_value("Too dear").run()
    click(app, "Bad")
    assert Judging(shop).of("item")[found[2]].reason == "Too dear"
    click(app, "Undo")
    assert app.query_params["sku"] == found[2]
    assert Judging(shop).of("item") == {}
    assert next(button for button in app.button if button.label == "Undo").disabled


def test_next_and_previous_walk_through_the_hits(search):
    found = hits(search(q="item"))
    app = click(search(q="item", sku=found[1]), "Next")
    assert app.query_params["sku"] == found[2]
    click(app, "Previous")
    assert app.query_params["sku"] == found[1]


def test_preset_questions_narrow_the_hits(search, shop):
    found = hits(search(q="item"))
    Judging(shop).judge("item", found[3], "partly", who="Bob")
    app = search(q="item", ask="poor")
    assert hits(app) == [found[3]]
    assert 'Judged partly or bad <b class="sw-num">1</b>' in part(app, "questions")
    assert found[3] not in hits(search(q="item", ask="unjudged"))
    assert "None of the hits answers this" in part(search(q="item", ask="meaning"), "state-empty-ask")


def test_known_answers_are_told_and_missing_ones_are_links(search, shop):
    found = hits(search(q="item"))
    rows = [
        ("Q-1", "Item", item, grade, "import") for item, grade in ((found[0], 3.0), (found[15], 2.0), (found[1], 0.0))
    ]
    with shop.replace_tables("test") as writer:
        columns = ["query_id", "query", "item_id", "relevance", "source"]
        writer.write("judgments", pd.DataFrame(rows, columns=columns))
    app = search(q="item")
    assert "1 of 2 known good answers are among the first 10; missing: " in part(app, "questions")
    assert f"sku={found[15]}" in part(app, "questions")
    assert part(app, "hits").count("known answer") == 2
    assert "Item" in part(search(), "examples")


def test_two_retrievers_are_compared_in_the_one_language(search):
    app = search(q="item", beside="dense")
    a, b = hits(app, "list-A"), hits(app, "list-B")
    assert len(a) == len(b) == 20 and set(a) != set(b)
    only = 20 - len(set(a) & set(b))
    assert f"{only} only in A" in part(app, "compared") and f"{only} only in B" in part(app, "compared")
    assert "sw-line-only-a" in part(app, "list-A") and "sw-line-only-b" in part(app, "list-B")
    same = search(q="item number 7", beside="bm25")
    assert "20 same place" in part(same, "compared")
    opened = search(q="item", beside="dense", sku=b[0])
    assert part(opened, "hit-head") and part(opened, "list-A")


def test_retrievers_with_another_encoder_are_offered_and_compared(search, searching, shop):
    card = Card("index", "tuned", "v1", {"encoder": "artifact:tuned"}, data_hash="", split="", seed=0, libraries={})
    ArtifactStore(shop).save(card, lambda folder: (folder / "vectors").write_text("some"))
    app = search(q="item", by="dense", beside="dense@artifact:tuned")
    assert "Meaning, artifact:tuned" in part(app, "list-B")
    assert "20 same place" in part(app, "compared")
    assert {"dense all-MiniLM-L6-v2", "dense artifact:tuned"} <= set(searching.opened)
    assert "second_stage@artifact:tuned" not in app.get_by_key("at-by").options


def test_what_is_not_built_has_its_command_and_the_controls_stay(search):
    app = search(q="item", by="popular")
    assert app.code[0].value == ".venv/bin/python scripts/build_search.py --workspace demo"
    assert app.get_by_key("at-by").value == "popular"


def test_a_damaged_part_says_what_to_do(search):
    app = search(q="item", by="hybrid")
    assert "hybrid.json is damaged; build it again" in part(app, "state-empty-damaged")
    assert "by=bm25" in part(app, "state-empty-damaged")
    assert app.code[-1].value == ".venv/bin/python scripts/build_search.py --workspace demo"


def test_a_search_by_words_alone_says_what_is_missing(shop, monkeypatch):
    build(shop, trained=False)
    monkeypatch.setattr("pages.parts.search_cache.searching", Searching())
    app = run(SEARCH, {"q": "item"})
    assert "Only a part of the search is built, and “Words (BM25)” answers meanwhile" in part(app, "outdated")
    assert len(hits(app)) == 20


def test_without_documents_the_command_is_named(shop, monkeypatch):
    monkeypatch.setattr("pages.parts.search_cache.searching", Searching())
    app = run(SEARCH, {})
    assert "build_documents.py --workspace demo" in app.code[0].value


def test_a_search_of_older_tables_says_so_and_leaves_out_what_is_gone(search, shop):
    assert not part(search(q="item"), "outdated")
    with shop.replace_tables("test") as writer:
        writer.write("items", shop.read("items").iloc[5:])
    app = search(q="item")
    assert "build_search.py --workspace demo" in part(app, "outdated")
    assert "SK-002" not in hits(app) and "SK-010" in hits(app)
    assert "isn’t among the" in part(search(q="item", sku="SK-002"), "hit-head")


def test_without_tables_the_import_is_named(home):
    Workspace.create(home / "demo")
    assert "prepare_demo.py" in run(SEARCH, {}).code[0].value


def test_hostile_text_stays_text(search, shop):
    Asked(shop).note(f"{HOSTILE} zzyzx", found=0, weak=False)
    Judging(shop).judge(HOSTILE, "SK-001", "bad", reason=HOSTILE, who=HOSTILE)
    for page in (search(), search(q=f"{HOSTILE} zzyzx"), search(q="item", tags=HOSTILE), search(q="item", sku=HOSTILE)):
        assert HOSTILE not in shown(page)
        assert "&lt;img src=x" in shown(page)


def test_an_endless_query_is_cut_and_answered(search):
    assert "only its first" in part(search(q="item number seven " * 800), "message")


def test_the_export_has_the_list_with_what_made_it(search, shop, monkeypatch):
    made = {}
    monkeypatch.setattr("pages.parts.export.button", lambda label, make, *, name, key: made.update({key: make}))
    Judging(shop).judge("=item", "SK-003", "good", who="Ann")
    app = search(q="=item", category="Bags", beside="bm25")
    from pages.parts.export import to_csv

    rows = list(csv.DictReader(io.StringIO(to_csv(made["export"]()).decode("utf-8-sig"))))
    assert [row["item_id"] for row in rows if row["retriever"] == "second_stage"] == hits(app, "list-A")
    first = next(row for row in rows if row["item_id"] == "SK-003")
    assert (first["query"], first["judged"], first["filters"]) == ("'=item", "good", "category=Bags")
    assert first["documents"] in first["versions"] and float(first["second_stage_score"]) == float(first["score"])


def test_last_judgments_lead_back_to_their_hit_and_are_exported_as_a_table(search, shop, monkeypatch):
    made = {}
    monkeypatch.setattr("pages.parts.export.button", lambda label, make, *, name, key: made.update({key: make}))
    Judging(shop).judge("item", "SK-003", "partly", reason="Too dear", who="Ann")
    app = search()
    assert 'href="./search?workspace=demo&amp;q=item&amp;sku=SK-003"' in part(app, "judged-last")
    (row,) = made["export-judgments"]().to_dict("records")
    assert (row["item_id"], row["relevance"], row["source"]) == ("SK-003", 1.0, "human:Ann")
    assert len(made["export-log"]()) == 1


def test_a_name_that_nobody_could_read_is_refused_in_words(search, shop):
    click(app := search(q="item", sku="SK-003", who="a\u202eb"), "Good")
    assert "can&#39;t be a name" in part(app, "said")
    assert Judging(shop).history().empty
