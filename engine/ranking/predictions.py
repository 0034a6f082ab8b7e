"""Predictions of a ranker as a table: candidates in order, with their chance and what each member added."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from engine.atomic import atomic_path
from engine.errors import SettingsError, UnknownNameError
from engine.rank.lists import Lists
from engine.ranking.second_stage import open_second_stage
from engine.ranking.serving import ServedRanker
from engine.recommend.evaluation import histories_of
from engine.recommending.serving import open_pipeline
from engine.spreadsheet import to_csv
from engine.workspace import Workspace

FORMATS = ("csv", "parquet")


def predictions(served: ServedRanker, lists: Lists, *, top: int | None = None) -> pd.DataFrame:
    """A row for each candidate, list by list, best first: list_id, user_id, place, item_id, score, probability,
    wanted (where that is known) and "<member> part", what the member adds to the score.

    top: places of each list that are kept. Raises ArtifactError when the lists have other features than the ranker
    learned from, DataError when no member that counts can score them.
    """
    scores = served.member_scores(lists)
    parts = served.ensemble.parts(scores, lists)
    total = np.sum(list(parts.values()), axis=0)
    order = lists.ordered(total)
    owner = lists.list_of_row[order]
    place = np.arange(len(order)) - lists.starts[owner] + 1
    kept = order if top is None else order[place <= top]
    place, owner = place if top is None else place[place <= top], lists.list_of_row[kept]
    frame = pd.DataFrame(
        {
            "list_id": lists.list_ids[owner],
            "user_id": lists.users[owner],
            "place": place,
            "item_id": lists.stock.item_ids[lists.items[kept]],
            "score": total[kept],
            "probability": served.ensemble.final.probabilities(total)[kept],
        }
    )
    if lists.wanted is not None:
        frame["wanted"] = lists.wanted[kept]
    return frame.assign(**{f"{name} part": own[kept] for name, own in parts.items()})


def lists_of_users(workspace: Workspace, users: Iterable[str], name: str) -> Lists:
    """The candidates of recommendations for `users` as of now, with the features that the ranker `name` reads.

    Raises UnknownNameError with the nearest user, NotBuiltError with the command, ArtifactError when the ranker
    learned from lists that can't be made for users who come now.
    """
    shop, pipeline = open_pipeline(workspace)
    stage, everything, asked = open_second_stage(workspace, shop, pipeline, name), shop.all, list(users)
    known = set(everything.users.tolist())
    for user in asked:
        if user not in known:
            raise UnknownNameError("user with events", user, known)
    histories = histories_of(everything, np.array(asked, dtype=object))
    return stage.lists(stage.pipeline.gather(histories))


def save_predictions(frame: pd.DataFrame, folder: Path, name: str, formats: Iterable[str] = FORMATS) -> list[Path]:
    """Write `frame` as `name` with each ending of `formats` (csv, parquet); the files. No cell of the CSV is a formula.

    Raises SettingsError for another format.
    """
    made = []
    for ending in formats:
        if ending not in FORMATS:
            raise SettingsError(f"{ending!r} is no format of predictions; they are {', '.join(FORMATS)}.")
        path = folder / f"{name}.{ending}"
        with atomic_path(path) as temporary:
            if ending == "csv":
                temporary.write_bytes(to_csv(frame))
            else:
                frame.to_parquet(temporary, index=False)
        made.append(path)
    return made
