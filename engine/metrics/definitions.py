"""What each metric means, in one table that pages and reports show beside the figures."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Definition:
    """One metric: its label on screen, what it measures in a sentence, its unit, and which way is better."""

    name: str
    label: str
    about: str
    unit: str = "share, 0 to 1"
    higher_is_better: bool = True


_ALL = (
    Definition(
        "micro_f1",
        "Micro-F1",
        "F1 of all (SKU, tag) decisions together; true tags outside the vocabulary are left out.",
    ),
    Definition(
        "micro_f1_oov",
        "Micro-F1, all gold",
        "As micro-F1, but every true tag outside the vocabulary counts as a miss.",
    ),
    Definition(
        "macro_f1", "Macro-F1", "Mean F1 over tags that are true for at least one SKU; a rare tag weighs as much."
    ),
    Definition("precision", "Precision", "Share of the asserted tags that are true, all SKUs together."),
    Definition(
        "recall", "Recall", "Share of the true tags inside the vocabulary that are asserted, all SKUs together."
    ),
    Definition("precision@k", "Precision@k", "Mean share of the first k ranks that are relevant; always divides by k."),
    Definition("recall@k", "Recall@k", "Mean of relevant items in the first k ranks over all relevant items."),
    Definition(
        "capped_recall@k",
        "Recall@k, capped",
        "Mean of relevant items in the first k ranks over min(k, relevant items), so 1 can always be reached.",
    ),
    Definition("hit_rate@k", "Hit rate@k", "Share of lists with something relevant in the first k ranks."),
    Definition("mrr", "MRR", "Mean of 1 / rank of the first relevant item; 0 where there is none."),
    Definition("mrr@k", "MRR@k", "As MRR, with ranks beyond k counted as nothing found."),
    Definition("map", "MAP", "Mean of average precision, which divides by all relevant items."),
    Definition("map@k", "MAP@k", "As MAP over the first k ranks; still divides by all relevant items."),
    Definition("ndcg@k", "NDCG@k", "Discounted gain of the first k ranks over the best possible; linear gain."),
    Definition(
        "ndcg_exp@k",
        "NDCG@k, exponential",
        "Discounted gain of the first k ranks over the best possible; gain 2^grade - 1.",
    ),
    Definition("coverage@k", "Coverage@k", "Share of the catalogue that is among the first k of at least one list."),
    Definition(
        "gini@k",
        "Gini@k",
        "How unequally the first k places are spread over the catalogue; 0 is evenly.",
        higher_is_better=False,
    ),
    Definition(
        "novelty@k",
        "Novelty@k",
        "Mean over lists of the surprise of their first k items: -log2 of the share of users who know an item.",
        unit="bits",
    ),
    Definition(
        "diversity@k",
        "Diversity@k",
        "Mean over lists of how far apart their first k items are in the category tree, 0 to 1.",
    ),
    Definition(
        "auc",
        "AUC",
        "Mean over lists with both classes of the share of pairs, one wanted and one not, in the right order; equal "
        "probabilities count half.",
    ),
    Definition(
        "auc_pooled",
        "AUC, pooled",
        "The share of pairs in the right order, all lists together; told apart at up to 2,000 levels of probability.",
    ),
    Definition(
        "log_loss",
        "Log loss",
        "Mean over all candidates of -log of the probability that was given to what was so.",
        unit="nats",
        higher_is_better=False,
    ),
    Definition(
        "ece",
        "Calibration error",
        "How far probabilities are from the share that was wanted: the mean over 15 bins with as many candidates each.",
        higher_is_better=False,
    ),
)

DEFINITIONS: dict[str, Definition] = {definition.name: definition for definition in _ALL}
ALIASES = {"p": "precision", "r": "recall"}  # p@3 and r@3, as tags are usually reported

GENERAL = (
    "Lists without results count as 0, and so do those without anything relevant; a repeated item counts at its first "
    "place only; equal scores are ordered by a hash of ids, so constant scores give the figures of chance."
)


def split_name(metric: str) -> tuple[str, int | None]:
    """ "recall@10" as ("recall", 10), "p@3" as ("precision", 3), "mrr" as ("mrr", None).

    A cut-off that isn't a whole number above 0 stays in the name, which then is in no table.
    """
    base, at, cut = metric.partition("@")
    if not at or not cut.isascii() or not cut.isdigit() or int(cut) < 1:
        return metric, None
    return ALIASES.get(base, base), int(cut)


def definition(metric: str) -> Definition | None:
    """The definition of a metric by the name that aggregates use ("recall@10" finds "recall@k"), None when unknown."""
    base, k = split_name(metric)
    return DEFINITIONS.get(f"{base}@k" if k else base)


def label(metric: str) -> str:
    """A metric's name on screen, with its cut-off: "ndcg@10" is "NDCG@10"; an unknown one is called as it is."""
    known = definition(metric)
    return metric if known is None else known.label.replace("@k", f"@{split_name(metric)[1]}")
