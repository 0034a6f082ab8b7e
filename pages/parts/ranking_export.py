"""What leaves the ranking lab: rows with what made them in each."""

import pandas as pd

from pages.parts.ranking_room import Room


def stamped(room: Room, rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with the workspace, the ensemble's version and the hash of the tables it learned from."""
    card = room.opened.opening.card
    return rows.assign(workspace=room.workspace.name, ensemble=card.version, data=card.data_hash)
