"""What leaves the recommendations: lists as CSV, with the reason and what made the list in each row."""

import pandas as pd

from engine.recommending.reasons import because
from pages.parts import recommend_cache
from pages.parts.recommend_room import Room, affinity_share, as_value


def stamped(room: Room, rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with what made them in each: workspace, the pipeline's version, and the hash of the tables."""
    served = room.served
    return rows.assign(workspace=served.workspace.name, pipeline=served.pipeline_version, data=served.version[2])


def shown_list(room: Room) -> pd.DataFrame:
    """The list of this view, one row per place, with its reason; in "what if" with the edits and the weights."""
    found = room.shown()
    ids, filled = room.ids(found), room.filled(found)
    whys = recommend_cache.whys(room.served, room.person, ids)
    gathered, shop = recommend_cache.gathered(room.served, room.person), room.served.shop
    items = recommend_cache.items(room.served, ids)
    rows = [
        {
            "user_id": room.person.user_id,
            "known": room.known,
            "place": place,
            "item_id": item_id,
            "title": items[item_id]["title"] if item_id in items else "",
            "because": because(shop, gathered, whys[item_id], room.config, filled=item_id in filled).words,
            "filled": item_id in filled,
        }
        for place, item_id in enumerate(ids, start=1)
    ]
    frame = stamped(room, pd.DataFrame(rows))
    if not (room.person.changed or room.reweighted):
        return frame
    return frame.assign(
        taken_out=" ".join(as_value(*step) for step in room.person.dropped),
        added=" ".join(as_value(*step) for step in room.person.added),
        affinity=affinity_share(room.config),
        popularity_penalty=room.config.popularity_penalty,
        diversity=room.config.diversity,
    )
