import csv
import gzip

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.data.base import ImportReport
from engine.data.csvfile import csv_rows, detect_delimiter
from engine.data.textfile import MAX_CELL
from engine.errors import DataError


def read(path, content, **options):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    report = ImportReport()
    return list(csv_rows(path, report, **options)), report


@pytest.fixture
def file(tmp_path):
    return tmp_path / "file.csv"


def test_the_line_is_where_the_record_starts(file):
    rows, report = read(file, 'a,b\n1,"x\ny"\n\n2,z\n')
    assert rows == [(2, {"a": "1", "b": "x\ny"}), (5, {"a": "2", "b": "z"})]
    assert report.read == 2


@pytest.mark.parametrize(
    "content",
    [b"\xef\xbb\xbfa;b\r\n1;\xd1\x8f\r\n", "a;b\n1;я".encode(), '"a" ; b\n"1";"я"\n'.replace(" ;", ";").encode()],
)
def test_marks_and_line_ends(file, content):
    rows, _ = read(file, content, delimiter=";")
    assert rows == [(2, {"a": "1", "b": "я"})]


def test_gz(tmp_path):
    rows, _ = read(tmp_path / "file.csv.gz", gzip.compress(b"a,b\n1,2\n"))
    assert rows == [(2, {"a": "1", "b": "2"})]


def test_ragged_rows_are_rejected_with_line_and_reason(file):
    rows, report = read(file, "a,b\n1\n1,2\n1,2,3\n")
    assert [line for line, _ in rows] == [3]
    assert report.read == 3
    assert report.rejected == {
        "too few fields: the header has 2": 1,
        "too many fields: the header has 2": 1,
    }
    assert report.examples["too many fields: the header has 2"] == [
        f"{file}, line 4: '3' too many fields: the header has 2"
    ]


def test_a_quote_that_is_never_closed_costs_one_row(file):
    rows, report = read(file, 'a,b\n1,"open\n2,x\n3,y\n')
    assert [(line, row["a"]) for line, row in rows] == [(3, "2"), (4, "3")]
    assert report.rejected == {"a quote is never closed": 1}
    assert "line 2" in report.examples["a quote is never closed"][0]


def test_a_quote_that_runs_into_the_next_one_costs_one_row(file):
    rows, report = read(file, 'a,b\n1,"open\n2,"x"\n3,y\n')
    assert [row["a"] for _, row in rows] == ["2", "3"]
    assert sum(report.rejected.values()) == 1


def test_nul_bytes_are_rejected(file):
    rows, report = read(file, b"a,b\n1,x\x00y\n2,z\n")
    assert [row["a"] for _, row in rows] == ["2"]
    assert report.rejected == {"a value holds a NUL byte": 1}


@pytest.mark.parametrize("size", [MAX_CELL + 1, 17_000_000])
def test_a_cell_over_the_cap_is_rejected_and_the_next_row_is_read(file, size):
    rows, report = read(file, f"a,b\n1,{'x' * size}\n2,{'y' * MAX_CELL}\n")
    assert [(line, row["a"]) for line, row in rows] == [(3, "2")]
    (reason,) = report.rejected
    assert "1,000,000 characters" in reason


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        ("имя\n".encode("cp1251"), "line 1: isn't UTF-8 (byte 0xe8 at position 1)"),
        (b"a,text\n1,\xe8\n", "line 2: isn't UTF-8"),
        ("a,b\n".encode("utf-16"), "is UTF-16"),
        (b"a,a\n1,2\n", "'a' occurs more than once in the header"),
        (b'a,"b\n', "has a header that can't be read"),
        (b"sku,texts\n", "lacks column 'text' (is it 'texts'?); it has 'sku', 'texts'"),
    ],
)
def test_what_is_wrong_with_the_whole_file_is_said(file, content, said):
    with pytest.raises(DataError) as caught:
        read(file, content, required=["text"])
    assert said in str(caught.value)
    assert str(file) in str(caught.value)


def test_missing_file_folder_and_damaged_gz(tmp_path):
    damaged = tmp_path / "damaged.csv.gz"
    damaged.write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * 10_000)[:-20])
    for path, said in ((tmp_path / "no.csv", "does not exist"), (tmp_path, "is a folder"), (damaged, "is damaged")):
        with pytest.raises(DataError, match=said):
            list(csv_rows(path, ImportReport()))


@pytest.mark.parametrize(("header", "delimiter"), [("a,b", ","), ("a;b;c,d", ";"), ("a\tb", "\t"), ("a", ",")])
def test_the_delimiter_is_the_one_of_the_header(file, header, delimiter):
    file.write_text(header + "\n")
    assert detect_delimiter(file) == delimiter


texts = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=20)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(texts, texts), max_size=5))
def test_any_text_survives(tmp_path_factory, pairs):
    file = tmp_path_factory.mktemp("csv") / "any.csv"
    with file.open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle, quoting=csv.QUOTE_ALL).writerows([("a", "b"), *pairs])
    rows = csv_rows(file, ImportReport())
    assert [(row["a"], row["b"]) for _, row in rows] == pairs


def test_a_format_of_an_older_encoding_reads_line_by_line(tmp_path):
    path = tmp_path / "old.csv"
    path.write_bytes("id,title\n1,90° angle\n".encode() + "2,90° angle\n".encode("latin-1"))
    records = [record["title"] for _, record in csv_rows(path, ImportReport(), fallback="latin-1")]
    assert records == ["90° angle", "90° angle"]


def test_line_ends_of_old_macs_are_named_with_the_way_out(tmp_path):
    file = tmp_path / "old.csv"
    file.write_bytes(b"sku,title\r1,Tote\r2,Boot\r")
    with pytest.raises(DataError, match=r"end in CR alone.*save it with LF"):
        list(csv_rows(file, ImportReport()))
