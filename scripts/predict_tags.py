"""Predict the tags of a review: predict-tags --text "Soft and warm" --good-type Clothes [--evidence]

Prints the tags that the tagger asserts, most probable first, or with --top-k that many whether asserted or not. Give
--text more than once for several reviews of one SKU; "-" reads one review from standard input. With --llm-rerank an LLM
checks the best tags against the reviews; what it moved is told on stderr, and when it fails the list stays as it is.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from engine.errors import SettingsError
from engine.settings import load_settings
from engine.tags.predictor import TagPredictor, as_item
from engine.tags.rerank import Reranker
from engine.workspace import find_workspace
from scripts.cli import chosen_workspace, parser, run
from scripts.rerank_options import add_rerank_options, chosen_reranker, show_moves


@run
def main(argv: Sequence[str] | None = None) -> int:
    """Load the tagger, ask it, print what it says."""
    arguments = _parser().parse_args(argv)
    if arguments.top_k is not None and arguments.top_k < 1:
        raise SettingsError(f"--top-k is {arguments.top_k}; it must be 1 or more.")
    workspace = find_workspace(load_settings().home, chosen_workspace(arguments.workspace))
    predictor = TagPredictor.load(workspace, arguments.model)
    texts = [_stdin() if text == "-" else text for text in arguments.text]
    predicted = _predict(predictor, chosen_reranker(arguments, workspace), texts, arguments)
    for tag, probability in predicted:
        print(f"{probability:.3f}  {tag}")
        if arguments.evidence:
            _show_evidence(predictor, texts, arguments.good_type, tag)
    if not predicted:
        print("No tag reaches its threshold; --top-k 5 shows the nearest ones.", file=sys.stderr)
    return 0


def _predict(
    predictor: TagPredictor, reranker: Reranker | None, texts: Sequence[str], arguments: Namespace
) -> list[tuple[str, float]]:
    """(tag, score) to print; what a reranker did is told."""
    if reranker is not None:
        reranked = predictor.rerank(reranker, text=texts, good_type=arguments.good_type)
        show_moves(reranked)
        if reranked.failed is None:
            return reranked.tags(arguments.top_k)
    return predictor.predict(text=texts, good_type=arguments.good_type, top_k=arguments.top_k)


def _stdin() -> str:
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SettingsError(f"Standard input isn't UTF-8 (byte {error.start}); convert it first.") from None


def _parser() -> ArgumentParser:
    made = parser(__doc__)
    made.add_argument("--text", action="append", required=True, help="a review; - reads standard input")
    made.add_argument("--good-type", required=True, metavar="TYPE", help="the SKU's category, such as Shoes")
    made.add_argument("--model", default="linear", help="which trained tagger to ask (default: linear)")
    made.add_argument("--top-k", type=int, metavar="K", help="the K most probable tags instead of the asserted ones")
    made.add_argument("--evidence", action="store_true", help="show the sentences for (+) and against (-) each tag")
    add_rerank_options(made)
    return made


def _show_evidence(predictor: TagPredictor, texts: Sequence[str], good_type: str, tag: str) -> None:
    (evidence,) = predictor.evidence(as_item(texts, good_type), [tag])
    print(f"       {evidence.based_on}")
    for effect in (*evidence.supporting, *evidence.opposing):
        print(f"       {effect.effect:+.3f}  {' '.join(effect.sentence.text.split())}")


if __name__ == "__main__":
    sys.exit(main())
