"""A base model of two layers with a tokenizer, saved in the layout of Hugging Face; its weights are random."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from tests.tagged import FILLER, TAGS

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
LETTERS = "abcdefghijklmnopqrstuvwxyzабвгдежзийклмнопрстуфхцчшщъыьэюя0123456789.,!?:)"
SMALL = {"probe_steps": 60, "probe_rate": 0.1, "epochs": 1, "train_chunks": 4, "chunk_tokens": 32, "chunk_overlap": 8}


def save_tiny_model(folder: Path) -> Path:
    """Write config.json, model.safetensors and the tokenizer into `folder`."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder.mkdir(parents=True)
    said = " ".join([*TAGS, *FILLER, *(text for _, _, texts in TAGS.values() for text in texts)]).lower()
    words = sorted(set(re.findall(r"\w\w+", said.replace("ё", "е").replace("й", "и"))))
    vocabulary = dict.fromkeys([*SPECIAL, *words, *LETTERS, *(f"##{letter}" for letter in LETTERS)])
    (folder / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf-8")
    tokenizer = BertTokenizerFast(vocab=str(folder / "vocab.txt"), do_lower_case=True, model_max_length=64)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    BertModel(BertConfig(vocab_size=len(vocabulary), max_position_embeddings=64, **sizes)).save_pretrained(folder)
    return folder


@cache
def tiny_model() -> Path:
    """The same one for all tests of a process, in a folder of its own."""
    import tempfile

    return save_tiny_model(Path(tempfile.mkdtemp(prefix="tiny-model-")) / "tiny-bert")
