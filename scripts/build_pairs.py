"""Make pairs to fine-tune an encoder with: python scripts/build_pairs.py --workspace NAME --query-type both

Each train review asks for its product's document, made as if that review had never been written. With --output-format
triplet, each pair gets a hard negative: the best item that a retriever finds for the query and that isn't right too.
Writes training_pairs.jsonl, whole or not at all. Thousands of pairs a second; triplets take as long as the search.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tqdm import tqdm

from engine.search.beauty_files import PAIRS_FILE, Record, write_lines
from engine.search.documents import read_documents
from engine.search.pairs import FORMATS, QUERY_TYPES, PairConfig, build_pairs, with_negatives
from engine.settings import load_settings
from engine.workspace import Workspace, find_workspace
from scripts.asking_options import positive
from scripts.cli import chosen_workspace, parser, run


@run
def main(argv: Sequence[str] | None = None) -> int:
    """Build, write, and say how many."""
    arguments = _arguments(argv)
    workspace = find_workspace(load_settings().home, chosen_workspace(arguments.workspace))
    config = PairConfig(arguments.query_type, arguments.max_keywords, per_item=arguments.per_item)
    pairs: Iterable[Record] = build_pairs(workspace, config=config)
    if arguments.output_format == "triplet":
        pairs = _triplets(workspace, pairs, arguments, config)
    path = (arguments.jsonl or workspace.path) / PAIRS_FILE
    with tqdm(pairs, desc="Pairs", unit=" pairs", file=sys.stderr, disable=None) as bar:
        print(f"Wrote {write_lines(path, bar):,} {arguments.output_format}s to {path}")
    return 0


def _arguments(argv: Sequence[str] | None) -> Namespace:
    made = parser(__doc__)
    made.add_argument("--query-type", choices=QUERY_TYPES, default="keywords", help="what asks (default: keywords)")
    made.add_argument("--output-format", choices=FORMATS, default="pair", help="default: pair")
    made.add_argument("--max-keywords", type=positive, default=PairConfig.max_keywords, metavar="N", help="of a query")
    made.add_argument("--per-item", type=positive, metavar="N", help="pairs of one item at most (default: all)")
    made.add_argument("--retriever", default="bm25", metavar="NAME", help="that finds the negatives (default: bm25)")
    made.add_argument("--encoder", default="all-MiniLM-L6-v2", metavar="NAME", help="whose vectors tell near twins")
    made.add_argument("--jsonl", type=Path, metavar="FOLDER", help=f"where {PAIRS_FILE} goes (default: the workspace)")
    return made.parse_args(argv)


def _triplets(
    workspace: Workspace, pairs: Iterable[Record], arguments: Namespace, config: PairConfig
) -> Iterator[Record]:
    from engine.search.embeddings import open_embeddings
    from engine.searching import open_retriever

    retriever = open_retriever(workspace, arguments.retriever, encoder=arguments.encoder)
    embeddings = open_embeddings(workspace, arguments.encoder)
    return with_negatives(pairs, retriever, read_documents(workspace), embeddings=embeddings, config=config)


if __name__ == "__main__":
    sys.exit(main())
