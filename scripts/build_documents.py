"""Make the document of every product: python scripts/build_documents.py --workspace NAME

Title, what train reviews say, a summary of the description, and features. The new version serves once it is whole; a
stop at any moment leaves the old one. About 10,000 documents a second.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from tqdm import tqdm

from engine.search.building import build_documents
from engine.search.documents import read_documents
from engine.settings import load_settings
from engine.workspace import find_workspace
from scripts.cli import chosen_workspace, parser, run


@run
def main(argv: Sequence[str] | None = None) -> int:
    """Build, save, and show one of them."""
    arguments = parser(__doc__).parse_args(argv)
    workspace = find_workspace(load_settings().home, chosen_workspace(arguments.workspace))
    with tqdm(desc="Documents", unit=" SKUs", file=sys.stderr, disable=None) as bar:
        card = build_documents(workspace, on_done=bar.update)
    documents = read_documents(workspace)
    print(f"Built {len(documents.texts):,} documents, version {card.version}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
