"""Embed the documents and build the search index: python scripts/build_index.py [--workspace NAME] [--encoder MODEL]

Only documents that changed are embedded; a run that was stopped goes on where it was. The index is then made from the
vectors, verified, and serves at once; the one before it serves until then. A damaged index is built again, without
embedding anything. A core embeds about 120 short documents a second with all-MiniLM-L6-v2, and 350 with
--backend openvino (the extra `fast`).
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence

from engine.settings import load_chroma_address, load_settings
from scripts.cli import chosen_workspace, parser, run


@run
def main(argv: Sequence[str] | None = None) -> int:
    """Embed what is new, build the index, say what it holds."""
    arguments = _parser().parse_args(argv)
    from tqdm import tqdm

    from engine.search.encoders import EMBEDDED, EncoderConfig
    from engine.search.index import build_index, open_index
    from engine.workspace import find_workspace

    workspace = find_workspace(load_settings().home, chosen_workspace(arguments.workspace))
    encoder = arguments.encoder or EMBEDDED
    encoding = EncoderConfig(
        backend=arguments.backend, max_tokens=arguments.max_tokens, budget=arguments.budget or EncoderConfig.budget
    )
    chroma = arguments.chroma or load_chroma_address()
    with tqdm(desc="Embedding", unit=" documents", disable=None) as bar:
        card = build_index(workspace, encoder, encoding=encoding, chroma=chroma, on_done=bar.update)
    index = open_index(workspace, encoder, chroma=chroma)
    print(f"Indexed {len(index.item_ids):,} documents with {encoder}, version {card.version}")
    index.close()
    return 0


def _parser() -> ArgumentParser:
    made = parser(__doc__)
    made.add_argument("--encoder", metavar="MODEL", help="a model, a folder, or artifact:NAME (default: embedded)")
    made.add_argument("--backend", default="torch", help="what computes: torch, or openvino (int8) (default: torch)")
    made.add_argument("--max-tokens", type=int, metavar="N", help="the longest text in tokens (default: the model's)")
    made.add_argument("--budget", type=int, metavar="N", help="tokens of one batch, padding included")
    made.add_argument("--chroma", metavar="ADDRESS", help="a Chroma server for the index (default: SHELFWISE_CHROMA)")
    return made


if __name__ == "__main__":
    sys.exit(main())
