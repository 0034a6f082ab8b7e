"""Home Depot: judged pairs of queries and products."""

import gzip

import pytest

from engine.data.homedepot import HomeDepotReader, query_id
from engine.errors import DataError

HEADER = "id,product_uid,product_title,search_term,relevance\n"
ROWS = HEADER + '2,100001,"Angle, 90° steel",angle bracket,3\n3,100001,"Angle, 90° steel", l  bracket ,2.5\n'


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_items_once_and_judgments_each_in_either_encoding(tmp_path, collect, encoding):
    (tmp_path / "train.csv").write_bytes(ROWS.encode(encoding))
    tables, report = collect(HomeDepotReader(), tmp_path)
    assert tables["items"] == [{"item_id": "100001", "title": "Angle, 90° steel", "category": "Uncategorised"}]
    assert [judgment["query"] for judgment in tables["judgments"]] == ["angle bracket", "l  bracket"]
    assert tables["judgments"][0] == {
        "query_id": query_id("angle bracket"),
        "query": "angle bracket",
        "item_id": "100001",
        "relevance": "3",
        "source": "homedepot",
    }
    assert report.read == 2


def test_a_query_has_one_id_that_is_no_number(tmp_path):
    assert query_id("deck over") == query_id("deck over") == "q-d8b06efa1e52"
    assert len({query_id(str(n)) for n in range(1000)}) == 1000


def test_a_packed_file_of_another_name(tmp_path, collect):
    with gzip.open(tmp_path / "mine.csv.gz", "wt", encoding="utf-8") as handle:
        handle.write(ROWS)
    tables, _ = collect(HomeDepotReader(), tmp_path / "mine.csv.gz")
    assert len(tables["judgments"]) == 2


def test_other_columns_are_refused(tmp_path, collect):
    (tmp_path / "train.csv").write_text("id,product_uid,title,query,relevance\n")
    with pytest.raises(DataError, match="lacks column 'product_title'"):
        collect(HomeDepotReader(), tmp_path)


def test_the_real_set(real_data, collect):
    tables, report = collect(HomeDepotReader(), real_data / "homedepot_search")
    assert len(tables["judgments"]) == 58376
    assert len({judgment["query_id"] for judgment in tables["judgments"]}) == 9341
    assert len(tables["items"]) == len({judgment["item_id"] for judgment in tables["judgments"]})
    assert not report.rejected
