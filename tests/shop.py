"""A small shop whose every figure is known, with reviews that try to break out of the page."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from engine.workspace import Workspace

HOSTILE = (
    "<script>window.broken = 1</script>",
    '<img src=x onerror="window.broken = 1">',
    "[a link](javascript:window.broken=1) and ![a picture](https://example.com/x.png)",
    r"$\LaTeX$ and $$\frac{1}{2}$$",
    ":material/delete: :red[red] :smile:",
    "**bold** _slanted_ `code` # heading",
    '"><svg onload="window.broken = 1">',
    "{0} {} {name} %s &amp; &lt;b&gt;",
)
PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 6"><rect width="8" height="6" fill="#c96"/></svg>'
CATEGORIES = ("Bags", "Shoes", "Toys")


def make_shop(home: Path, name: str = "demo", *, items: int = 30) -> Workspace:
    """A workspace of `items` SKUs in three categories.

    SKU i has i % 5 reviews (so a fifth has none); every third has a picture, every fourth is out of stock; SKU 1's
    title and reviews are hostile; two users saw every SKU; the first nine carry the tag "warm".
    """
    workspace = Workspace.create(home / name)
    ids = [f"SK-{i:03d}" for i in range(items)]
    texts = [(sku, text) for i, sku in enumerate(ids) for text in _texts(i, sku)]
    tables = {
        "items": [_item(i, sku) for i, sku in enumerate(ids)],
        "reviews": [
            {"review_id": f"R{n}", "item_id": sku, "text": text, "rating": 1.0 + n % 5, "timestamp": _day(n)}
            for n, (sku, text) in enumerate(texts)
        ],
        "events": [
            {"user_id": user, "item_id": sku, "event": "view", "timestamp": _day(0)}
            for user in ("U-1", "U-2")
            for sku in ids
        ],
        "tags": [{"item_id": sku, "tag": "warm", "source": "human"} for sku in ids[:9]]
        + [{"item_id": ids[0], "tag": "=soft", "source": "human"}],
    }
    with workspace.replace_tables("test") as writer:
        for table, rows in tables.items():
            writer.write(table, pa.Table.from_pylist(rows))
    (workspace.path / "images").mkdir(exist_ok=True)
    for sku in ids[::3]:
        (workspace.path / "images" / f"{sku}.svg").write_text(PICTURE, encoding="utf-8")
    return workspace


def _item(i: int, sku: str) -> dict:
    return {
        "item_id": sku,
        "title": HOSTILE[1] if i == 1 else f"Item number {i}",
        "category": CATEGORIES[i % 3],
        "price": 10.0 + i,
        "available": i % 4 != 0,
        "image": f"images/{sku}.svg" if i % 3 == 0 else None,
    }


def _texts(i: int, sku: str) -> list[str]:
    return list(HOSTILE) if i == 1 else [f"Nice and warm. Review {n} of {sku}." for n in range(i % 5)]


def _day(n: int) -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=n)
