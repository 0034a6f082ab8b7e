"""The adapters in lora_model/: whole, small, and good over the embedded base model."""

from __future__ import annotations

import json

import pytest
from safetensors import safe_open

from engine.models.base_models import EMBEDDED, find_base, load_encoder, load_tokenizer
from engine.settings import PROJECT
from engine.tags.neural.lora_folders import ADAPTERS, OTHERS, WEIGHTS_FILE, AdapterFolder
from engine.tags.neural.lora_nets import load_adapter
from engine.tags.neural.net import over_chunks

FOLDER = PROJECT / "lora_model"


@pytest.mark.parametrize("name", [*ADAPTERS.values(), OTHERS])
def test_each_is_whole_and_has_a_card(name):
    adapter = AdapterFolder.read(FOLDER / name, EMBEDDED)
    card = json.loads((FOLDER / name / "card.json").read_text(encoding="utf-8"))
    assert card["adapter"] == name and card["labels"] == len(adapter.labels) and card["base"] == EMBEDDED
    assert sum(file.stat().st_size for file in (FOLDER / name).iterdir()) < 500_000


@pytest.mark.parametrize("name", [*ADAPTERS.values(), OTHERS])
def test_each_changes_what_the_base_reads(name):
    with safe_open(FOLDER / name / WEIGHTS_FILE, framework="numpy") as weights:
        learned = [abs(weights.get_tensor(key)).max() for key in weights.keys() if "lora_B" in key]  # noqa: SIM118
    assert learned and all(size > 1e-3 for size in learned)


def test_what_is_said_raises_its_tag(monkeypatch):
    monkeypatch.setenv("SHELFWISE_THREADS", "1")
    base = find_base(EMBEDDED)
    net = load_adapter(load_encoder(base), AdapterFolder.read(FOLDER / "lora_bert_output_bags", EMBEDDED))
    texts = ["Pens, charger, keys, all within reach", "Five stars"]
    scores = over_chunks(net.net, [tuple(ids) for ids in load_tokenizer(base)(texts)["input_ids"]])
    pockets = net.labels.index("handy pockets")
    assert scores[0, pockets] > scores[1, pockets] + 1
