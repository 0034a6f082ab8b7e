"""Where networks compute, and in which precision."""

from __future__ import annotations

import torch

from engine.settings import load_settings


def device() -> torch.device:
    """The GPU when there is one, else the processor with as many threads as the settings say."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    torch.set_num_threads(load_settings().threads)
    return torch.device("cpu")


def precision() -> torch.autocast:
    """bfloat16 on a GPU that computes in it; else float32, in which equal inputs give equal numbers on a processor.

    Weights and their gradients stay float32, and bfloat16 has float32's range, so that no loss needs scaling.
    """
    quick = torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.autocast("cuda", dtype=torch.bfloat16, enabled=quick)
