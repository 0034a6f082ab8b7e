"""Whether a second look helps: python -m benchmarks.tag_rerank [WORKSPACE] [MODEL] [--encoder | --llm]

Reranks the 20 best tags of every SKU of test and measures the tagger's own list and the reranked one on the same SKUs:
micro-F1 of asserted tags, of the asserted ones among the first five, and precision at 3, each with a paired bootstrap
interval. The workspace (default: demo) needs the tagger (default: linear). The local check takes a few seconds on two
cores, with --encoder (nearness in meaning by the embedded encoder) about a second per SKU.

--llm asks a scripted server on this machine, which is no model: a judge that knows which sentences of the demo store
express which tag, and one that scores by chance (scripted_judges.py). They tell how far the mechanism can go up and
down with any model, and what asking costs besides the model's own time. Half a minute.
"""

from __future__ import annotations

import sys
import tempfile
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from benchmarks.scripted_judges import Judge, Script, by_chance, faithful, known_sentences
from engine.llm.backends import Endpoint
from engine.metrics.measures import measures
from engine.metrics.significance import paired_bootstrap
from engine.settings import DEFAULT_SEED, load_settings
from engine.tags.corpus import read_corpus
from engine.tags.predictor import TagPredictor
from engine.tags.rerank import Move, RerankConfig, Reranked, Reranker
from engine.tags.rerank_llm import LlmCheck
from engine.tags.rerank_local import Encode, LocalCheck
from engine.workflows import tag_rows, trained_on
from engine.workspace import Workspace, find_workspace
from tests.fakes import serving

FIRST = 5
Measured = tuple[pd.DataFrame, pd.DataFrame, list[tuple[Move, bool]], list[Reranked]]


def main() -> None:
    """Measure, print the differences and what moved."""
    parser = ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workspace", nargs="?", default="demo")
    parser.add_argument("model", nargs="?", default="linear")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--encoder", action="store_true", help="nearness in meaning as well")
    how.add_argument("--llm", action="store_true", help="scripted judges in place of an LLM: the best and the worst")
    arguments = parser.parse_args()
    workspace = find_workspace(load_settings().home, arguments.workspace)
    if arguments.llm:
        test = read_corpus(workspace).choose(trained_on(workspace, arguments.model)["test"])
        known = known_sentences(workspace, test.items)
        for name, judge in (("faithful", faithful(known)), ("random", by_chance(DEFAULT_SEED))):
            ask(workspace, arguments.model, name, judge)
        return
    reranker = Reranker(LocalCheck(_encoder() if arguments.encoder else None), RerankConfig(20, 20))
    found = measured(workspace, arguments.model, reranker)
    show(f"{arguments.model}, local check{' with the encoder' * arguments.encoder}", found)


def ask(workspace: Workspace, model: str, name: str, judge: Judge) -> None:
    """Rerank with a scripted judge, twice: live, then from kept answers; nothing is kept in `workspace`."""
    script = Script(judge)
    with tempfile.TemporaryDirectory() as folder, serving(script) as server:
        checker = LlmCheck(Workspace.create(Path(folder) / "asking"), Endpoint(server.url, "scripted", None, 4))
        reranker = Reranker(checker, RerankConfig(20, 20))
        found = measured(workspace, model, reranker)
        again = measured(workspace, model, reranker)
    show(f"{model}, a scripted {name} judge, which is no model", found)
    live, kept = (
        1000 * sum(one.check.seconds for one in runs if one.check.prompt) / max(len(runs), 1)
        for runs in (found[3], again[3])
    )
    assert all(one.check.cached for one in again[3] if one.check.prompt) and not any(one.failed for one in found[3])
    served = 1000 * script.seconds / len(found[3])
    print(
        f"per SKU: {live:.0f} ms live, {served:.1f} ms of them the judge's; {kept:.0f} ms from kept answers; ", end=""
    )
    print(f"{script.asked} questions for {len(found[3])} SKUs")


def show(name: str, found: Measured) -> None:
    """The figures before and after with their difference, and what moved."""
    base, after, moves, runs = found
    print(f"\n{len(base)} SKUs of test, {name}")
    for what, first, metric in (
        ("micro-F1, asserted", None, "micro_f1"),
        (f"micro-F1, asserted of the first {FIRST}", FIRST, "micro_f1"),
        ("precision at 3", None, "p@3"),
    ):
        a, b = (measures("tags", _cut(rows, first), [metric])[metric] for rows in (base, after))
        difference = paired_bootstrap(a, b, seed=DEFAULT_SEED, unit="SKUs")
        print(f"{what:<34} {difference.a:.3f} -> {difference.b:.3f}  {difference.words()}")
    judged = [(move, right) for move, right in moves if move.verdict]
    up = [right for move, right in judged if move.score > move.probability]
    down = [right for move, right in judged if move.score < move.probability]
    every = _share([right for _, right in moves])
    print(f"{len(judged)} of {len(moves)} candidates judged; truly the SKU's tags: {every} of all,")
    print(f"of {len(up)} raised ones {_share(up)}, of {len(down)} lowered ones {_share(down)}")
    crossed = Counter(
        (move.asserted, right) for move, right in moves if move.asserted != (move.probability >= move.threshold)
    )
    print(f"newly asserted: {crossed[True, True]} rightly, {crossed[True, False]} wrongly; ", end="")
    print(f"no longer asserted: {crossed[False, False]} rightly, {crossed[False, True]} wrongly; ", end="")
    print(f"{sum(one.check.seconds for one in runs) / len(runs):.3f} s per SKU")


def measured(workspace: Workspace, model: str, reranker: Reranker) -> Measured:
    """(rows of the tagger's lists, rows of the reranked ones, each candidate and whether it is true, the reranks)."""
    predictor = TagPredictor.load(workspace, model)
    test = read_corpus(workspace).choose(trained_on(workspace, model)["test"])
    base = tag_rows(predictor.tagger, test)
    after, moves, runs = base.copy(), [], []
    for place, (item, true) in enumerate(zip(test.items, test.tags, strict=True)):
        scores = predictor.scores(item)
        found = reranker.rerank(item, scores)
        runs.append(found)
        rest = scores[reranker.config.top_n :]
        asserted = [move.tag for move in found.moves if move.asserted] + [one.tag for one in rest if one.asserted]
        after.at[place, "predicted"] = asserted
        after.at[place, "ranked"] = [move.tag for move in found.moves]
        after.at[place, "scores"] = [move.score for move in found.moves]
        moves += [(move, move.tag in true) for move in found.moves]
    return base, after, moves, runs


def _cut(rows: pd.DataFrame, first: int | None) -> pd.DataFrame:
    """`rows` with only those asserted tags that are among the first `first` of the ranking."""
    if first is None:
        return rows
    kept = [
        [tag for tag in predicted if tag in set(list(ranked)[:first])]
        for predicted, ranked in zip(rows["predicted"], rows["ranked"], strict=True)
    ]
    return rows.assign(predicted=kept)


def _share(right: Sequence[bool]) -> str:
    return f"{sum(right) / len(right):.1%}" if right else "none"


def _encoder() -> Encode:
    from engine.models.embedded import encode

    return encode


if __name__ == "__main__":
    sys.exit(main())
