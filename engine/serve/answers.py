"""Lists as the bytes of answers, put together from the items' own, which are made once.

The bytes are those of `schemas.RecommendationsAnswer`; a test holds that they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import orjson

from engine.serve.assortment import Assortment
from engine.serve.remembered import Listed
from engine.serve.schemas import Missing, Reason

_BOOL = (b"false", b"true")


@dataclass(frozen=True)
class Answer:
    """The fields of `schemas.RecommendationsAnswer`. items: as JSON, with commas between them."""

    items: bytes
    known: bool
    model: str | None
    reason: Reason | None = None
    degraded: tuple[Missing, ...] = ()
    variant: str | None = None

    @property
    def body(self) -> bytes:
        """The answer in JSON."""
        rest = {
            "source": "popular" if self.reason else "pipeline",
            "reason": self.reason,
            "known": self.known,
            "degraded": self.degraded,
            "model": self.model,
            "variant": self.variant,
        }
        return b'{"items":[' + self.items + b"]," + orjson.dumps(rest)[1:]


def listed_items(assortment: Assortment, listed: Listed, reasons: Sequence[str] | None = None) -> bytes:
    """The items of a list, with the reason for each where there are reasons."""
    scores = orjson.dumps(np.ascontiguousarray(listed.scores), option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].split(b",")
    because = [orjson.dumps(reason) for reason in reasons] if reasons else [b"null"] * len(listed.rows)
    each = zip(listed.rows.tolist(), scores, listed.filled.tolist(), because, strict=True) if len(listed.rows) else ()
    fragment = assortment.fragment
    return b",".join(
        b'{"place":%d,%b,"score":%b,"filled":%b,"because":%b}' % (place, fragment(row), score, _BOOL[filled], why)
        for place, (row, score, filled, why) in enumerate(each, start=1)
    )


def popular_items(assortment: Assortment, rows: Sequence[int]) -> bytes:
    """Items that are popular, without a score."""
    return b",".join(
        b'{"place":%d,%b,"score":null,"filled":true,"because":null}' % (place, assortment.fragment(row))
        for place, row in enumerate(rows, start=1)
    )
