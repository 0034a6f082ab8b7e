"""Lines of text files, plain or .gz, read as bytes with their numbers, in memory that doesn't depend on the file."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NoReturn, cast

from engine.errors import DataError

MAX_CELL = 1_000_000  # characters of one value
MAX_LINE = 16_000_000  # bytes of one physical line
TOO_LONG = b"x" * (MAX_CELL + 1)  # stands for a line over MAX_LINE; it fails every check of MAX_CELL
TOO_LONG_REASON = f"a value is longer than {MAX_CELL:,} characters"
NUL_REASON = "a value holds a NUL byte"


@contextmanager
def open_bytes(path: Path) -> Iterator[BinaryIO]:
    """Open a file for reading bytes, unpacking .gz.

    Raises DataError when it is missing, empty, a folder, not allowed to be read, or a damaged .gz (also while reading).
    """
    try:
        with path.open("rb") as raw:
            if not raw.read(1):
                raise DataError("is empty", file=path)
            raw.seek(0)
            if path.suffix == ".gz":
                yield cast(BinaryIO, io.BufferedReader(cast(io.RawIOBase, gzip.GzipFile(fileobj=raw)), 1 << 16))
            else:
                yield raw
    except FileNotFoundError:
        raise DataError("does not exist", file=path) from None
    except IsADirectoryError:
        raise DataError("is a folder; name a file in it", file=path) from None
    except PermissionError:
        raise DataError("may not be read; check who owns it", file=path) from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"is damaged or not gzip ({error}); fetch it again", file=path) from None


def byte_lines(path: Path) -> Iterator[bytes]:
    """Physical lines with their line ends, without a byte order mark; lines over MAX_LINE come as TOO_LONG."""
    with open_bytes(path) as handle:
        first = handle.readline(MAX_LINE)
        reject_utf16(path, first)
        line = first.removeprefix(codecs.BOM_UTF8)
        if not line:  # nothing but a byte order mark, or a .gz of nothing
            raise DataError("is empty", file=path)
        while line:
            yield _skip_rest(handle) if len(line) == MAX_LINE and not line.endswith(b"\n") else line
            line = handle.readline(MAX_LINE)


def decoded(line: bytes, path: Path, number: int, fallback: str | None = None) -> str:
    """`line` as text; one that isn't UTF-8 in the encoding `fallback`, where every byte must mean something.

    Without `fallback`, raises DataError naming the file and the line.
    """
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        if fallback:
            return line.decode(fallback)
        not_utf8(path, number, error)


def not_utf8(path: Path, number: int, error: UnicodeDecodeError) -> NoReturn:
    """Raise the DataError for bytes that aren't UTF-8, with the byte and the way out."""
    byte = error.object[error.start]
    reason = f"isn't UTF-8 (byte 0x{byte:02x} at position {error.start + 1}); save the file as UTF-8, for example with"
    raise DataError(f"{reason} iconv -f CP1251 -t UTF-8", file=path, line=number)


def reject_utf16(path: Path, start: bytes) -> None:
    """Raise DataError when a file starts like UTF-16, whose bytes would otherwise read as NULs."""
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise DataError(
            "is UTF-16; save the file as UTF-8, for example with iconv -f UTF-16 -t UTF-8", file=path, line=1
        )


def _skip_rest(handle: BinaryIO) -> bytes:
    while (line := handle.readline(MAX_LINE)) and not line.endswith(b"\n"):
        continue
    return TOO_LONG
