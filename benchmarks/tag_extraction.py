"""What the embedded extraction of tags is worth: python benchmarks/tag_extraction.py [DATA] [--half develop|measure]

Extracts tags from the reviews of the demo store, whose true tags are known, and of Lamoda (DATA/lamoda, default
../shared/data), whose tags an LLM gave, and compares them SKU by SKU. A tag is the same when its roots and its polarity
are (strict), or when one's roots hold the other's and neither denies the other (loose). On the demo store, "expressed"
is the share of extracted tags said in a sentence that is known to express a true tag of that SKU, and "in words" is the
share of true tags whose words are all said there: no extraction of words can find the others strictly. SKUs are cut in
halves by a hash of their ids: patterns are developed on one, figures are told on the other (the default). About a
minute on two cores; --items takes the first so many SKUs of each.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.data.demo import make_demo
from engine.data.importer import ImportOptions, import_files
from engine.schema import ItemText
from engine.settings import DEFAULT_SEED
from engine.tags.pool.extract import ExtractedTags
from engine.tags.pool.generate import items_with_reviews
from engine.tags.pool.grounding import is_grounded, roots_of
from engine.tags.pool.polarity import signature
from engine.tags.pool.quality import content
from engine.workspace import Workspace

LAMODA = "lamoda_reviews_sampled_with_tags.csv"
SHOWN = 25
Tags = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Store:
    """The SKUs of one half with their reviews, what is known of their tags, and sentences that express a true one."""

    name: str
    items: list[ItemText]
    true: Tags
    expressing: Mapping[str, list[str]]


def strict(one: str, other: str) -> bool:
    """Whether two tags have the same roots and the same polarity."""
    return set(content(one)) == set(content(other)) and signature(one) == signature(other)


def loose(one: str, other: str) -> bool:
    """Whether the roots of one tag hold those of the other, and what one asserts the other doesn't deny."""
    roots, others = set(content(one)), set(content(other))
    denied = [{mark for mark in signature(tag) if mark.startswith("not")} for tag in (one, other)]
    return bool(roots and others) and (roots <= others or others <= roots) and bool(denied[0]) == bool(denied[1])


def matched(made: Tags, true: Tags, same: Callable[[str, str], bool]) -> tuple[float, float]:
    """(precision, recall): the shares of extracted and of true tags that have a counterpart on their SKU."""
    right = sum(any(same(tag, other) for other in true[item]) for item, tags in made.items() for tag in tags)
    found = sum(any(same(tag, other) for other in made[item]) for item in made for tag in true[item])
    return right / max(sum(map(len, made.values())), 1), found / max(sum(len(true[item]) for item in made), 1)


def demo(place: Path, half: str) -> Store:
    """The demo store as it is made."""
    workspace = Workspace.create(place / "demo")
    make_demo(workspace, seed=DEFAULT_SEED)
    truth = _tags(workspace)
    texts = workspace.read("reviews", ["review_id", "text"]).set_index("review_id")["text"].to_dict()
    rows = workspace.read("mentions")
    expressing: dict[str, list[str]] = {}
    for row in rows[rows["polarity"] > 0].itertuples():
        if row.tag in truth.get(row.item_id, ()):
            expressing.setdefault(row.item_id, []).append(texts[row.review_id][row.start : row.end])
    return Store("demo store", _half(workspace, truth, half), truth, expressing)


def lamoda(place: Path, folder: Path, half: str) -> Store:
    """Lamoda with the raw tags of its LLM."""
    workspace = Workspace.create(place / "lamoda")
    import_files(workspace, "lamoda", [folder / LAMODA], options=ImportOptions())
    truth = _tags(workspace)
    return Store("Lamoda", _half(workspace, truth, half), truth, {})


def _tags(workspace: Workspace) -> dict[str, list[str]]:
    found = workspace.read("tags", ["item_id", "tag"]).groupby("item_id")["tag"].agg(list)
    return {str(item): list(map(str, tags)) for item, tags in found.items()}


def _half(workspace: Workspace, truth: Tags, half: str) -> list[ItemText]:
    odd = half == "measure"
    items = [item for item in items_with_reviews(workspace) if item.item_id in truth]
    return [item for item in items if hashlib.sha256(item.item_id.encode()).digest()[0] % 2 == odd]


def extract(items: Sequence[ItemText]) -> dict[str, list[str]]:
    """The extracted tags of each item."""

    async def every() -> dict[str, list[str]]:
        maker = ExtractedTags()
        return {item.item_id: list((await maker.tags(item)).tags) for item in items}

    return asyncio.run(every())


def show(store: Store, most: int | None, *, listed: bool) -> None:
    """Extract, compare, print."""
    items = store.items[:most]
    started = time.perf_counter()
    made = extract(items)
    seconds = time.perf_counter() - started
    print(f"\n{store.name}: {len(items):,} SKUs, {sum(map(len, made.values())) / len(items):.1f} tags each, ", end="")
    print(f"{sum(len(store.true[item]) for item in made) / len(items):.1f} known, {len(items) / seconds:.0f} SKUs/s")
    for name, same in (("strict", strict), ("loose", loose)):
        precision, recall = matched(made, store.true, same)
        f1 = 2 * precision * recall / max(precision + recall, 1e-9)
        print(f"{name:<8} precision {precision:.3f}  recall {recall:.3f}  F1 {f1:.3f}")
    said = {item.item_id: roots_of(item.reviews) for item in items}
    known = [is_grounded(tag, said[item]) for item in made for tag in store.true[item]]
    print(f"in words {sum(known) / len(known):.3f} of the known tags")
    if store.expressing:
        sentences = {item: [roots_of([text]) for text in store.expressing.get(item, ())] for item in made}
        told = [
            any(is_grounded(tag, roots) for roots in sentences[item]) for item, tags in made.items() for tag in tags
        ]
        print(f"expressed {sum(told) / max(len(told), 1):.3f} of the extracted tags")
    if listed:
        _list(made, store.true)


def _list(made: Tags, true: Tags) -> None:
    """The commonest extracted tags without a counterpart, and the commonest known ones that were missed."""
    extra = Counter(tag for item in made for tag in made[item] if not any(loose(tag, one) for one in true[item]))
    missed = Counter(tag for item in made for tag in true[item] if not any(loose(tag, one) for one in made[item]))
    for name, counted in (("without a counterpart", extra), ("missed", missed)):
        print(f"{name}: " + ", ".join(f"{tag} {count}" for tag, count in counted.most_common(SHOWN)))


def main() -> None:
    """Measure both stores."""
    parser = ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, nargs="?", default=Path("../shared/data"))
    parser.add_argument("--half", choices=("develop", "measure"), default="measure")
    parser.add_argument("--items", type=int, help="SKUs of each store at most")
    parser.add_argument("--list", action="store_true", help="name the commonest tags that are too many or missing")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        stores = [demo(Path(place), arguments.half)]
        if (arguments.data / "lamoda" / LAMODA).exists():
            stores.append(lamoda(Path(place), arguments.data / "lamoda", arguments.half))
        else:
            print(f"Lamoda is left out: {arguments.data / 'lamoda' / LAMODA} isn't there.")
        for store in stores:
            show(store, arguments.items, listed=arguments.list)


if __name__ == "__main__":
    sys.exit(main())
