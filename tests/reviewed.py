"""A small shop whose reviews are dated, so that documents, keywords and pairs made of them are known."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa

from engine.workspace import Workspace

START = datetime(2024, 1, 1, tzinfo=UTC)
ITEMS = (
    {
        "item_id": "A1",
        "title": "Canvas tote",
        "category": "Bags",
        "description": "<p>Holds a <b>laptop</b> &amp; lunch.</p><p>Made of canvas.</p>" + " And so on." * 40,
        "features": ["30 cm", "30 cm", "Machine wash"],
        "brand": "Nook",
        "price": 20.0,
        "available": True,
        "category_path": ["Shop", "Bags"],
    },
    {"item_id": "B2", "title": "Wool hat", "category": "Accs"},
    {"item_id": "C3", "title": "C3", "category": "Toys"},
)
REVIEWS = (  # (item, text, rating) in the order of their days
    ("A1", "Bought as a gift for my daughter. The zipper jams.", 2.0),
    ("A1", "My daughter carries textbooks in it, sturdy straps.", 5.0),
    ("B2", "For my husband, keeps ears warm in winter. Itchy wool.", 4.0),
    ("A1", "Sturdy straps, roomy pockets, for school.", 4.0),
    ("B2", "Great product, fast delivery, recommend!", 5.0),
    ("C3", "Noisy rattle for a baby.", 1.0),
    ("A1", "Sturdy straps and waterproof lining.", 5.0),
    ("B2", "Itchy wool, shrinks badly.", 2.0),
    ("A1", "SECRETVALID umbrella loop.", 3.0),
    ("B2", "SECRETTEST pompom fell off.", 3.0),
)


def make_reviewed(workspace: Workspace, *, undated: int = 0) -> Workspace:
    """Fill `workspace`; the first `undated` reviews have no time."""
    rows = [
        {
            "review_id": f"R{n}",
            "item_id": item,
            "text": text,
            "rating": rating,
            "timestamp": None if n < undated else START + timedelta(days=n),
        }
        for n, (item, text, rating) in enumerate(REVIEWS)
    ]
    tags = [{"item_id": "A1", "tag": "roomy", "source": "pool"}, {"item_id": "A1", "tag": "noise", "source": "llm"}]
    with workspace.replace_tables("test") as writer:
        writer.write("items", _items())
        writer.write("reviews", pa.Table.from_pylist(rows))
        writer.write("tags", pa.Table.from_pylist(tags))
    return workspace


def _items() -> pa.Table:
    names = list(ITEMS[0])
    return pa.Table.from_pylist([{name: item.get(name) for name in names} for item in ITEMS])
