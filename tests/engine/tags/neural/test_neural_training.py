"""Learning over an encoder: losses worked by hand, chunks, pooling, the schedule, and going on after a kill."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from engine.errors import ArtifactError, SettingsError, UnknownNameError
from engine.models.base_models import freeze, load_encoder, load_tokenizer
from engine.models.schedule import rate_share
from engine.schema import ItemText
from engine.tags.neural.checkpoints import Checkpoints, epoch_seed
from engine.tags.neural.chunks import Chunks, ChunkSize, chunk
from engine.tags.neural.config import LOSS_NAMES, POOLING_NAMES, NeuralConfig
from engine.tags.neural.losses import LOSSES, masked_mean
from engine.tags.neural.net import BATCH_TOKENS, POOLINGS, TagNet, _batches
from engine.tags.neural.probe import keep_telling
from engine.tags.neural.training import Examples, average_precision
from engine.tags.neural.transformer import TransformerConfig, TransformerTagger
from tests.tagged import cut, made
from tests.tiny_model import SMALL, tiny_model

LOGITS, TRUE = torch.tensor([[0.0, 2.0]]), torch.tensor([[True, False]])


@pytest.fixture(autouse=True)
def _quiet_home(home, monkeypatch):
    monkeypatch.setenv("SHELFWISE_THREADS", "1")


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_losses_are_what_their_papers_say():
    p = sigmoid(2.0)
    assert LOSSES["bce"](LOGITS, TRUE, 2.0)[0].tolist() == pytest.approx([-np.log(0.5), -np.log(1 - p)])
    assert LOSSES["focal"](LOGITS, TRUE, 2.0)[0].tolist() == pytest.approx([-np.log(0.5) * 0.25, -np.log(1 - p) * p**2])
    shifted = p - 0.05
    expected = [-np.log(0.5) * 0.5, -np.log(1 - shifted) * shifted**4]
    assert LOSSES["asymmetric"](LOGITS, TRUE, 2.0)[0].tolist() == pytest.approx(expected, rel=1e-5)
    assert torch.allclose(LOSSES["focal"](LOGITS, TRUE, 0.0), LOSSES["bce"](LOGITS, TRUE, 0.0))


def test_tags_that_a_category_cant_have_cost_nothing():
    losses = torch.tensor([[1.0, 5.0], [3.0, 7.0]])
    assert masked_mean(losses, torch.tensor([[True, False], [True, True]])).item() == pytest.approx((1 + 3 + 7) / 2)


def test_names_of_losses_and_poolings_are_those_of_the_tables():
    assert set(LOSSES) == set(LOSS_NAMES) and set(POOLINGS) == set(POOLING_NAMES)


@pytest.mark.parametrize(
    ("pooling", "expected"), [("max", [3.0, 0.0]), ("mean", [2.0, -1.0]), ("soft", [2.7615942, -0.2384058])]
)
def test_chunks_are_pooled_per_tag(pooling, expected):
    scores = torch.tensor([[1.0, -2.0], [3.0, 0.0], [5.0, 5.0]])
    pooled = POOLINGS[pooling](scores, torch.tensor([0, 0, 1]), 2)
    assert pooled[0].tolist() == pytest.approx(expected) and pooled[1].tolist() == [5.0, 5.0]


def examples(of, true, allowed=None):
    true = np.array(true, dtype=bool)
    chunks = Chunks([(1, 2)] * 9, [np.array(places, dtype=np.int64) for places in of])
    return Examples(chunks, true, np.ones_like(true) if allowed is None else np.array(allowed, dtype=bool))


def test_average_precision_is_that_of_allowed_tags_over_all_thresholds():
    valid = examples([[0], [1], []], [[1, 0], [0, 1], [1, 0]], [[1, 1], [1, 1], [1, 0]])
    logits = np.array([[2.0, 1.0], [-1.0, 0.0], [np.nan, np.nan]])
    # in order: a hit, a miss, a hit, a miss, and last the tag of the item without text
    assert average_precision(logits, valid) == pytest.approx((1 / 1 + 2 / 3 + 3 / 5) / 3)
    assert average_precision(logits, examples([[0]] * 3, [[0, 0]] * 3)) == 0.0


def test_the_chunks_kept_are_the_best_of_each_tag_those_of_true_tags_first():
    net = TagNet(load_encoder(tiny_model()), 3)
    with torch.no_grad():
        net.head.weight.zero_()[:, :3] = torch.eye(3)
        net.head.bias.zero_()
    vectors = torch.zeros(6, net.head.in_features)
    vectors[:5, :3] = torch.tensor([[1.0, 9, 0], [3, 0, 0], [2, 0, 8], [0, 5, 9], [0, 0, 1]])
    items = examples([[4, 5, 6, 7, 8], [2], []], [[1, 0, 0], [0, 1, 0], [0, 0, 1]], [[1, 1, 1], [1, 1, 1], [1, 1, 1]])
    kept = keep_telling(net, vectors, items, 2)
    assert [places.tolist() for places in kept.chunks.of] == [[4, 5], [2], []]  # of tag 0, then of tag 1
    barred = examples(items.chunks.of, items.true, [[1, 0, 1]] + [[1, 1, 1]] * 2)
    assert keep_telling(net, vectors, barred, 2).chunks.of[0].tolist() == [5, 7]


def test_learning_in_bfloat16_leaves_weights_in_float32_and_needs_no_scaling():
    train, valid = cut(made(160), 100, 60)
    config = TransformerConfig(base=str(tiny_model()), **SMALL)
    with torch.autocast("cpu", dtype=torch.bfloat16, cache_enabled=False):
        tagger = TransformerTagger(config).fit(train, valid)
    weights = {weight.dtype for weight in tagger._model[0].parameters()}
    assert weights == {torch.float32} and tagger.valid_f1 > 0.75
    assert np.isfinite(tagger.probabilities(valid.items)).all()


def test_rates_rise_then_fall():
    shares = [rate_share(step, 100, 0.1) for step in range(100)]
    assert shares[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert shares[10] == 1.0 and shares[55] == pytest.approx(0.5) and shares[-1] < 0.001
    assert shares[10:] == sorted(shares[10:], reverse=True)


def test_long_units_are_cut_into_chunks_that_overlap():
    tokenizer = load_tokenizer(tiny_model())
    text = "a b c d e f g h i"
    cut_ = chunk(tokenizer, [ItemText("x", "Bags", (text,))], ChunkSize("review", 6, 1, 99))
    words = [tokenizer.convert_ids_to_tokens(list(ids[1:-1])) for ids in cut_.tokens]
    assert words == [["a", "b", "c", "d"], ["d", "e", "f", "g"], ["g", "h", "i"]]
    assert {(ids[0], ids[-1]) for ids in cut_.tokens} == {(tokenizer.cls_token_id, tokenizer.sep_token_id)}


def test_equal_sentences_are_read_once_and_long_items_thinned():
    items = [ItemText("x", "Bags", ("Warm. Soft.", "Soft.")), ItemText("y", "Bags", ("Soft.", " ", ""))]
    cut_ = chunk(load_tokenizer(tiny_model()), items, ChunkSize("sentence", 16, 0, 99))
    assert len(cut_.tokens) == 2 and [places.tolist() for places in cut_.of] == [[0, 1, 1], [1]]
    many = ItemText("z", "Bags", tuple(f"{word}." for word in "abcdefghij"))
    assert chunk(load_tokenizer(tiny_model()), [many], ChunkSize("sentence", 16, 0, 4)).of[0].tolist() == [0, 1, 2, 3]


def test_batches_hold_a_bounded_number_of_tokens():
    tokens = [(0,) * n for n in (1, 5, 30, BATCH_TOKENS - 1, BATCH_TOKENS * 2)]
    found = list(_batches(range(len(tokens)), tokens))
    assert [place for batch in found for place in batch] == list(range(len(tokens)))
    assert found[0] == [0, 1, 2] and found[1:] == [[3], [4]]


@pytest.mark.parametrize(
    ("said", "error"),
    [({"loss": "bse"}, UnknownNameError), ({"pooling": "sum"}, UnknownNameError), ({"unit": "word"}, UnknownNameError),
     ({"chunk_overlap": 126}, SettingsError), ({"accumulate": 0}, SettingsError)],
)  # fmt: skip
def test_settings_that_cant_be_are_named(said, error):
    with pytest.raises(error, match=next(iter(said)) if error is SettingsError else str(next(iter(said.values())))):
        NeuralConfig(**said)


@pytest.mark.parametrize("loss", LOSS_NAMES)
@pytest.mark.parametrize("pooling", ["max", "mean"])
def test_every_loss_and_pooling_learns(loss, pooling):
    train, valid = cut(made(160), 100, 60)
    config = TransformerConfig(
        base=str(tiny_model()), **{**SMALL, "loss": loss, "pooling": pooling, "frozen_layers": 1}
    )
    assert TransformerTagger(config).fit(train, valid).valid_f1 > 0.75


def test_frozen_layers_and_what_is_below_them_dont_learn():
    encoder = load_encoder(tiny_model())
    freeze(encoder, 1)
    learning = {name for name, weight in encoder.named_parameters() if weight.requires_grad}
    assert learning and all("layer.1." in name for name in learning)


FIT = """
import sys, numpy as np
from tests.tagged import cut, made
from tests.tiny_model import SMALL
from engine.tags.neural.transformer import TransformerConfig, TransformerTagger
train, valid, test = cut(made(120), 60, 40, 20)
settings = {**SMALL, "probe_steps": 5, "rate": 5e-3, "epochs": 6, "patience": 6, "accumulate": 3}
tagger = TransformerTagger(TransformerConfig(base=sys.argv[1], **settings)).fit(train, valid)
np.save(sys.argv[2], tagger.probabilities(test.items))
"""


def run_fit(home, out, base):
    environment = {"SHELFWISE_HOME": str(home), "SHELFWISE_THREADS": "1", "PATH": "/usr/bin:/bin", "PYTHONPATH": "."}
    return subprocess.Popen(
        [sys.executable, "-c", FIT, str(base), str(out)], env=environment, stderr=subprocess.DEVNULL
    )


def test_a_killed_training_goes_on_and_ends_as_if_it_hadnt_stopped(tmp_path):
    whole = run_fit(tmp_path / "whole", tmp_path / "whole.npy", tiny_model())
    assert whole.wait() == 0
    killed = run_fit(tmp_path / "home", tmp_path / "killed.npy", tiny_model())
    while killed.poll() is None and not list(tmp_path.glob("home/.training/*/epoch-0002")):
        time.sleep(0.005)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL and not (tmp_path / "killed.npy").exists()
    started = sorted(tmp_path.glob("home/.training/*/epoch-*"))
    assert started and int(started[-1].name[-4:]) >= 2
    assert run_fit(tmp_path / "home", tmp_path / "killed.npy", tiny_model()).wait() == 0
    assert np.array_equal(np.load(tmp_path / "killed.npy"), np.load(tmp_path / "whole.npy"))
    assert not list(tmp_path.glob("home/.training/*"))


def test_checkpoints_of_other_data_or_settings_are_others(tmp_path):
    data, other = cut(made(20), 10, 10)
    folders = {Checkpoints.of(NeuralConfig(seed=seed), part).folder for seed in (1, 2) for part in (data, other)}
    assert len(folders) == 4
    assert epoch_seed(1, 2) != epoch_seed(2, 1)


def test_a_damaged_checkpoint_says_what_to_remove(tmp_path):
    checkpoints = Checkpoints(tmp_path / "one")
    checkpoints.save(1, {"a": torch.ones(2)}, {"epoch": 1})
    checkpoints.save(2, {"a": torch.zeros(2)}, {"epoch": 2})
    tensors, state = checkpoints.last()
    assert state == {"epoch": 2} and tensors["a"].tolist() == [0, 0] and len(list((tmp_path / "one").iterdir())) == 1
    (tmp_path / "one" / "epoch-0002" / "tensors.safetensors").write_bytes(b"x")
    with pytest.raises(ArtifactError, match=r"remove .*one to train from the start"):
        checkpoints.last()
    checkpoints.drop()
    assert checkpoints.last() is None
