"""What leaves the product search: the list as CSV, with what made it in each row, and the link to the very view."""

from collections.abc import Mapping, Sequence
from functools import partial

import pandas as pd

from engine.search.hits import Hit
from pages.parts import export, links, search_cache, search_filters
from pages.parts.search_room import Room


def export_button(room: Room, lists: Mapping[str, Sequence[Hit]]) -> None:
    """A button for the hits of each retriever of `lists`, one row each."""
    name = f"{room.workspace.name}-search-{room.query[:40]}"
    # The rows are made outside of any session, once somebody presses the button: the address is read here.
    filters = "; ".join(f"{name}={links.get(name)}" for name in search_filters.NONE if links.get(name))
    export.button("Export", partial(export_rows, room, lists, filters), name=name, key="export")


def export_rows(room: Room, lists: Mapping[str, Sequence[Hit]], filters: str) -> pd.DataFrame:
    """One row per hit: where it stands, what it is, each stage's score and place, its judgment, and what made the list.

    The last columns name workspace, query as typed and as read, retriever, versions, and filters as in the address.
    """
    judged = search_cache.judged(room.workspace, room.query)
    about = room.documents.frame.set_index("item_id")[["title", "category", "price", "rating"]]
    rows = [
        {
            "retriever": name,
            "place": hit.place,
            "item_id": hit.item_id,
            **about.loc[hit.item_id].to_dict(),
            "judged": judged[hit.item_id].verdict if hit.item_id in judged else "",
            "score": hit.score,
            **{f"{stage.name}_score": stage.score for stage in hit.stages},
            **{f"{stage.name}_place": stage.rank for stage in hit.stages},
        }
        for name, hits in lists.items()
        for hit in hits
    ]
    return pd.DataFrame(rows).assign(
        query=room.query,
        searched=room.asked,
        filters=filters,
        workspace=room.workspace.name,
        documents=room.documents.version,
        versions="; ".join(search_cache.versions(room.workspace)),
    )
