"""Keep the best items for each later review: python scripts/retrieve_candidates.py [--workspace NAME] [--split test]

The queries are the reviews of a part, or their keywords, in batches; the 100 best items of each are kept in the
workspace, and with --jsonl also written as retrieval_candidates_{split}.jsonl. Stop it at any moment and run it again:
it goes on after the last 1,000 queries that were finished.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from engine.recall import QUERIES
from engine.search.beauty_files import CANDIDATES_FILE
from engine.search.candidates import candidate_rows, write_candidates
from engine.search.documents import read_documents
from engine.search.encoders import EMBEDDED
from engine.search_measuring import retrieve_for_part
from engine.settings import load_settings
from engine.workspace import find_workspace
from scripts.cli import chosen_workspace, parser, run


@run
def main(argv: Sequence[str] | None = None) -> int:
    """Retrieve, keep, and say how many were found."""
    made = parser(__doc__)
    made.add_argument("--split", choices=("valid", "test"), default="valid", help="whose reviews (default: valid)")
    made.add_argument("--queries", choices=tuple(QUERIES), default="reviews", help="what asks (default: reviews)")
    made.add_argument("--retriever", default="dense", metavar="NAME", help="that finds them (default: dense)")
    made.add_argument("--encoder", default=EMBEDDED, metavar="MODEL", help=f"whose index (default: {EMBEDDED})")
    made.add_argument(
        "--jsonl", type=Path, metavar="FOLDER", help="also write retrieval_candidates_{split}.jsonl there"
    )
    arguments = made.parse_args(argv)
    workspace = find_workspace(load_settings().home, chosen_workspace(arguments.workspace))
    documents = read_documents(workspace)
    with tqdm(desc="Searching", unit=" queries", file=sys.stderr, disable=None) as bar:
        retrieve_for_part(
            workspace,
            arguments.retriever,
            arguments.split,
            encoder=arguments.encoder,
            kind=arguments.queries,
            config={"encoder": arguments.encoder, "documents": documents.version},
            on_done=bar.update,
        )
    ranks = [row["hit_rank"] for row in candidate_rows(workspace, arguments.split)]
    found = sum(rank is not None for rank in ranks)
    print(f"Kept candidates for {len(ranks):,} queries of {arguments.split}; {found:,} have their product among them")
    if arguments.jsonl:
        path = arguments.jsonl / CANDIDATES_FILE.format(split=arguments.split)
        print(f"Wrote {write_candidates(workspace, arguments.split, documents, path):,} lines to {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
