"""Whether evidence is right: python benchmarks/evidence_demo.py [WORKSPACE] [--models NAME ...]

The demo store knows which sentence expresses which tag. For each tag that a tagger rightly asserts for a SKU of test,
this counts how often the strongest supporting sentence, and all of them, are known to express it. The workspace
(default: demo) needs the taggers (default: linear and stacked). About ten seconds on two cores for linear, half a
minute for stacked and for the ensemble.
"""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence

from engine.schema import SentenceEffect
from engine.settings import load_settings
from engine.tags.corpus import read_corpus
from engine.tags.predictor import TagPredictor
from engine.workflows import trained_on
from engine.workspace import Workspace, find_workspace

Mentions = dict[tuple[str, int, str], list[tuple[int, int]]]


def main(argv: Sequence[str] | None = None) -> None:
    """Explain every right tag of test, count, print."""
    arguments = ArgumentParser(description=__doc__)
    arguments.add_argument("workspace", nargs="?", default="demo")
    arguments.add_argument("--models", nargs="+", default=["linear", "stacked"], metavar="NAME")
    chosen = arguments.parse_args(argv)
    workspace = find_workspace(load_settings().home, chosen.workspace)
    mentions = _mentions(workspace)
    for model in chosen.models:
        _report(workspace, model, mentions)


def _report(workspace: Workspace, model: str, mentions: Mentions) -> None:
    predictor = TagPredictor.load(workspace, model)
    test = read_corpus(workspace).choose(trained_on(workspace, model)["test"])
    strongest, chosen = [], []
    for item, true in zip(test.items, test.tags, strict=True):
        tags = [score.tag for score in predictor.scores(item) if score.asserted and score.tag in true]
        for evidence in predictor.evidence(item, tags):
            right = [_expresses(mentions, item.item_id, evidence.tag, effect) for effect in evidence.supporting]
            strongest.append(bool(right) and right[0])
            chosen += right
    print(f"{model}: {len(strongest)} tags rightly asserted for {len(test.items)} SKUs of test")
    print(f"strongest sentence expresses the tag   {sum(strongest) / len(strongest):6.1%}")
    print(f"supporting sentences that express it   {sum(chosen) / len(chosen):6.1%} of {len(chosen):,}", flush=True)


def _mentions(workspace: Workspace) -> Mentions:
    """Stretches known to express a tag, by SKU, the review's place among the SKU's reviews, and tag."""
    reviews = workspace.read("reviews", ["review_id", "item_id"])
    place = dict(zip(reviews["review_id"], reviews.groupby("item_id").cumcount(), strict=True))
    rows = workspace.read("mentions")
    found: Mentions = {}
    for row in rows[rows["polarity"] > 0].itertuples():
        found.setdefault((row.item_id, place[row.review_id], row.tag), []).append((row.start, row.end))
    return found


def _expresses(mentions: Mentions, item_id: str, tag: str, effect: SentenceEffect) -> bool:
    sentence = effect.sentence
    known = mentions.get((item_id, sentence.review, tag), [])
    return any(start < sentence.end and end > sentence.start for start, end in known)


if __name__ == "__main__":
    main()
