"""A small shop whose every figure is known, with reviews that try to break out of the page."""

from pathlib import Path

import pandas as pd

from engine.workspace import Workspace

HOSTILE = (
    "<script>window.broken = 1</script>",
    "<img src=x onerror=\"window.broken = 1\">",
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

    SKU i has i % 5 reviews (so a fifth has none) and a rating that falls with i; every third has a picture; SKU 1's
    reviews are hostile, one of HOSTILE each; two users saw every SKU.
    """
    workspace = Workspace.create(home / name)
    ids = [f"SK-{i:03d}" for i in range(items)]
    rows = [{"item_id": sku, "title": f"Item number {i}", "category": CATEGORIES[i % 3]} for i, sku in enumerate(ids)]
    table = pd.DataFrame(rows).assign(
        price=[10.0 + i for i in range(items)],
        available=[i % 4 != 0 for i in range(items)],
        image=[f"images/{sku}.svg" if i % 3 == 0 else None for i, sku in enumerate(ids)],
    )
    table.loc[1, "title"] = HOSTILE[1]
    texts = [(sku, f"Nice and warm. Review {n} of {sku}.") for i, sku in enumerate(ids) for n in range(i % 5) if i != 1]
    texts += [(ids[1], text) for text in HOSTILE]
    reviews = pd.DataFrame(texts, columns=["item_id", "text"])
    reviews["review_id"] = [f"R{n}" for n in range(len(reviews))]
    reviews["rating"] = [float(1 + n % 5) for n in range(len(reviews))]
    reviews["timestamp"] = pd.date_range("2026-01-01", periods=len(reviews), tz="UTC").astype("datetime64[us, UTC]")
    events = pd.DataFrame([(user, sku) for user in ("U-1", "U-2") for sku in ids], columns=["user_id", "item_id"])
    events = events.assign(event="view", timestamp=reviews["timestamp"].iloc[0])
    tags = pd.DataFrame([(sku, "warm", "human") for sku in ids[:9]] + [(ids[0], "=soft", "human")])
    tags.columns = ["item_id", "tag", "source"]
    with workspace.replace_tables("test") as writer:
        for table_name, frame in (("items", table), ("reviews", reviews), ("events", events), ("tags", tags)):
            writer.write(table_name, frame)
    (workspace.path / "images").mkdir(exist_ok=True)
    for sku in ids[::3]:
        (workspace.path / "images" / f"{sku}.svg").write_text(PICTURE, encoding="utf-8")
    return workspace
