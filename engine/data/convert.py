"""Raw values of one column as an Arrow array of the schema's type, with a reason for each that can't be used."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from engine.data.jsonfile import list_from_text
from engine.data.textfile import MAX_CELL, NUL_REASON, TOO_LONG_REASON
from engine.schema import Column

AS_WRITTEN = {"text", "description"}  # places in these are counted in characters, so their ends aren't stripped
CLOCK_SKEW = timedelta(days=1)
EXACT_FLOAT = 2**53  # from here on, neighbouring whole numbers read as the same float
RANGES = {
    "price": (0, np.inf),
    "rating": (0, 10),
    "relevance": (0, np.inf),
    "start": (0, 2**31 - 1),
    "end": (0, 2**31 - 1),
    "polarity": (-1, 1),
}
TRUE, FALSE = {"true", "t", "yes", "y", "1", "1.0"}, {"false", "f", "no", "n", "0", "0.0"}

Problems = dict[int, str]
Converter = Callable[[list[Any], Column, Problems], pa.Array]


def converter(type_: pa.DataType, now: datetime) -> Converter:
    """What turns raw values into an Arrow array of `type_`: blanks become null, and so does what it finds unusable.

    It puts the reason of each unusable value into the given problems, by index. `now` bounds times.
    """
    if pa.types.is_timestamp(type_):
        return lambda values, column, found: _times(values, column, found, now)
    converters: Mapping[pa.DataType, Converter] = {
        pa.string(): _texts,
        pa.list_(pa.string()): _lists,
        pa.bool_(): _booleans,
    }
    return converters.get(type_, _numbers)


def _texts(values: list[Any], column: Column, found: Problems) -> pa.Array:
    try:
        array = pa.array(values, pa.string())
    except (pa.ArrowTypeError, pa.ArrowInvalid, UnicodeEncodeError):
        array = pa.array(_each(values, _text, found), pa.string())
    found.update(dict.fromkeys(where(pc.greater(pc.utf8_length(array), MAX_CELL)), TOO_LONG_REASON))
    characters = array.buffers()[2]
    if characters is not None and b"\0" in characters.to_pybytes():  # one look at all of them is far cheaper
        found.update(dict.fromkeys(where(pc.match_substring(array, "\0")), NUL_REASON))
    stripped = pc.utf8_trim_whitespace(array)
    kept = array if column.name in AS_WRITTEN else stripped
    return _nfc(pc.if_else(pc.equal(stripped, ""), None, kept))


def _nfc(array: pa.Array) -> pa.Array:
    """`array` in NFC. Arrow's own utf8_normalize decomposes where NFC composes (pyarrow 25), so Python's is used."""
    if pc.all(pc.string_is_ascii(array)).as_py() is not False:
        return array
    texts = [None if text is None else unicodedata.normalize("NFC", text) for text in array.to_pylist()]
    return pa.array(texts, pa.string())


def _each(values: Sequence[Any], convert: Callable[[Any], Any], found: Problems) -> list[Any]:
    """`convert` of each value; where it raises ValueError, None, with the error's words in `found`."""
    converted: list[Any] = []
    for index, value in enumerate(values):
        try:
            converted.append(None if value is None else convert(value))
        except ValueError as error:
            found[index] = str(error)
            converted.append(None)
    return converted


def _text(value: Any) -> str | None:
    """One value as text; whole floats lose their ".0", since spreadsheets and Parquet turn ids into 123.0."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "surrogateescape")
    if isinstance(value, str):
        return _whole(value)
    if isinstance(value, float):
        if np.isnan(value):
            return None
        if abs(value) >= EXACT_FLOAT:
            raise ValueError("is a number too large to be exact; store ids as text")
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, (list, tuple, dict, set)):
        raise ValueError("is a list or an object where one text belongs")
    return value.isoformat() if isinstance(value, (date, datetime)) else str(value)


def _whole(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("holds broken characters (half of a surrogate pair)") from None
    return text


def _lists(values: list[Any], column: Column, found: Problems) -> pa.Array:
    return pa.array(_each(values, _list, found), column.type)


def _list(value: Any) -> list[str] | None:
    if isinstance(value, str):
        value = list_from_text(value) if value.strip() else None
    elif isinstance(value, np.ndarray):
        value = value.tolist()
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return None
    if not isinstance(value, (list, tuple)):
        raise ValueError("is not a list")
    parts = [_text(part) for part in value if part is not None]
    texts = [unicodedata.normalize("NFC", part).strip() for part in parts if part]
    if any(len(text) > MAX_CELL for text in texts):
        raise ValueError(TOO_LONG_REASON)
    if any("\0" in text for text in texts):
        raise ValueError(NUL_REASON)
    return [text for text in texts if text]


def _floats(values: list[Any], found: Problems) -> NDArray[np.float64]:
    """Values as float64, blanks as NaN; what is no finite number goes to `found`."""
    try:
        array = pa.array(values, pa.float64(), from_pandas=True)
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        array = pa.array(_each(values, _number, found), pa.float64(), from_pandas=True)
    numbers: NDArray[np.float64] = array.to_numpy(zero_copy_only=False)
    found.update(dict.fromkeys(np.flatnonzero(np.isinf(numbers)).tolist(), "is not finite"))
    return numbers


def _number(value: Any) -> float | None:
    if isinstance(value, str) and not value.strip():
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError("is not a number") from None


def _numbers(values: list[Any], column: Column, found: Problems) -> pa.Array:
    numbers = _floats(values, found)
    low, high = RANGES.get(column.name, (-np.inf, np.inf))
    wrong = (numbers < low) | (numbers > high)
    reason = f"is below {low}" if high == np.inf else f"is outside {low} to {high}"
    if pa.types.is_integer(column.type):
        wrong |= numbers != np.round(numbers)
        wrong &= ~np.isnan(numbers)
        reason += " or not whole"
    for index in np.flatnonzero(wrong).tolist():
        found.setdefault(index, reason)
    numbers = np.where(wrong | np.isinf(numbers), np.nan, numbers)
    return pa.array(numbers, from_pandas=True).cast(column.type)


def _booleans(values: list[Any], column: Column, found: Problems) -> pa.Array:
    return pa.array(_each(values, _boolean, found), pa.bool_())


def _boolean(value: Any) -> bool | None:
    text = str(value).strip().lower()
    if text in TRUE or text in FALSE:
        return text in TRUE
    if text in {"", "nan", "none", "null"}:
        return None
    raise ValueError("is neither true nor false")


def _times(values: list[Any], column: Column, found: Problems, now: datetime) -> pa.Array:
    """Times from datetimes, ISO text (UTC where it names no zone), and epochs in s, ms, us or ns by their size."""
    try:
        micros = _epoch_micros(pa.array(values, pa.float64(), from_pandas=True).to_numpy(zero_copy_only=False))
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        micros = np.array(_each(values, _micros, found), dtype=np.float64)
    latest = (now + CLOCK_SKEW).timestamp() * 1e6
    for wrong, reason in (
        (micros < 0, "is before 1970"),
        (micros > latest, "is in the future"),
        ((micros >= 19000101e6) & (micros <= 21001231e6), "is a date written as a number; write it as 2024-05-31"),
    ):
        found.update(dict.fromkeys(np.flatnonzero(wrong).tolist(), reason))
        micros = np.where(wrong, np.nan, micros)
    return pa.array(micros, from_pandas=True).cast(pa.int64()).cast(column.type)


def _epoch_micros(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Epochs as microseconds: below 1e11 they are seconds (until the year 5138), then ms, us and ns."""
    size = np.abs(numbers)
    factor = np.select([size < 1e11, size < 1e14, size < 1e17], [1e6, 1e3, 1.0], 1e-3)
    return np.asarray(np.round(numbers * factor), dtype=np.float64)


def _micros(value: Any) -> float | None:
    """One time as microseconds since 1970; None for a blank."""
    if isinstance(value, str):
        value = value.strip()
        if not value:
            return None
        try:
            value = float(value)
        except ValueError:
            try:
                value = datetime.fromisoformat(value)
            except ValueError:
                raise ValueError("is not a time; write it as 2024-05-31T12:00:00Z") from None
    if isinstance(value, datetime):
        return round((value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp() * 1e6)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp() * 1e6
    return float(_epoch_micros(np.array([_number(value)], dtype=np.float64))[0])


def where(mask: pa.Array) -> list[int]:
    """Indices at which a boolean array is true."""
    if pc.sum(mask).as_py() in (0, None):
        return []
    indices: list[int] = pc.indices_nonzero(mask).to_pylist()
    return indices
