"""MovieLens in each of its layouts."""

from datetime import UTC, datetime

import pytest

from engine.data.movielens import MovieLensReader
from engine.errors import DataError

EVENT = {
    "user_id": "196",
    "item_id": "1",
    "rating": "3",
    "event": "rating",
    "timestamp": datetime(1997, 12, 4, 15, 55, 49, tzinfo=UTC),
}


def flags(*positions):
    return "|".join("1" if position in positions else "0" for position in range(19))


def classic(folder):
    (folder / "u.data").write_text("196\t1\t3\t881250949\n")
    movie = f'1|Café "Story" (1995)|01-Jan-1995||http://x/?q=%20|{flags(1, 5)}\n'
    (folder / "u.item").write_bytes((movie + f"2|unknown|||| {flags(0)}".replace(" ", "") + "\n").encode("latin-1"))


def latest(folder):
    (folder / "ratings.csv").write_text("userId,movieId,rating,timestamp\n196,1,3,881250949\n")
    movies = 'movieId,title,genres\n1,"Café ""Story"" (1995)",Action|Comedy\n2,unknown,(no genres listed)\n'
    (folder / "movies.csv").write_text(movies, encoding="utf-8")


def tables_100k(folder):
    (folder / "ml100k_ratings.csv").write_text("user_id,item_id,rating,timestamp\n196,1,3,881250949\n")
    movies = 'item_id,movie_title,release_year,class\n1,"Café ""Story""",1995,Action Comedy\n2,unknown,V,\n'
    (folder / "ml100k_items.csv").write_text(movies, encoding="utf-8")


@pytest.mark.parametrize("layout", [classic, latest, tables_100k])
def test_every_layout_gives_the_same_rows(tmp_path, collect, layout):
    layout(tmp_path)
    tables, report = collect(MovieLensReader(), tmp_path)
    assert tables["events"] == [EVENT]
    assert tables["items"] == [
        {"item_id": "1", "title": 'Café "Story" (1995)', "category": "Action", "features": ["Action", "Comedy"]},
        {"item_id": "2", "title": "unknown", "category": "Uncategorised", "features": None},
    ]
    assert report.read == 3
    assert not report.rejected


def test_bad_rows_are_rejected_with_their_place(tmp_path, collect):
    (tmp_path / "u.data").write_text("196\t1\t3\t881250949\n196\t1\t3\n\n196\t1\t3\tnoon\n")
    tables, report = collect(MovieLensReader(), tmp_path)
    assert tables["events"] == [EVENT]
    assert report.read == 3
    assert report.rejected == {"must have 4 fields": 1, "isn't a time in seconds since 1970": 1}
    assert "u.data, line 4, column 'timestamp': 'noon'" in report.examples["isn't a time in seconds since 1970"][0]


def test_other_columns_are_refused(tmp_path, collect):
    (tmp_path / "ratings.csv").write_text("userId,movieId,stars,timestamp\n1,1,3,881250949\n")
    with pytest.raises(DataError, match="lacks column 'rating'"):
        collect(MovieLensReader(), tmp_path)


def test_the_real_set(real_data, collect):
    tables, report = collect(MovieLensReader(), real_data / "movielens_100k")
    assert (len(tables["items"]), len(tables["events"])) == (1682, 100_000)
    assert tables["items"][0]["title"] == "Toy Story (1995)"
    assert len({event["user_id"] for event in tables["events"]}) == 943
    assert not report.rejected
