"""Encoders: batches, prefixes, backends that agree, and folders that are refused."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import numpy as np
import pytest
import torch

from engine.artifacts import ArtifactStore, Card, new_version
from engine.errors import ArtifactError, NotBuiltError, SettingsError, UnknownNameError
from engine.search.encoders import EncoderConfig, batches, load_encoder, load_model, prefixes_of, slug
from tests.tiny_model import tiny_model

TEXTS = ["soft and warm", "a", "", "the zipper broke after a week, " * 30, "мягкий и тёплый", "soft and warm"]


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    monkeypatch.setenv("SHELFWISE_THREADS", "1")


@pytest.fixture
def tuned(tmp_path):
    """A folder as sentence-transformers writes it, with prefixes of its own."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(tiny_model()), device="cpu", prompts={"query": "search: ", "document": "item: "})
    model.save_pretrained(str(tmp_path / "tuned"))
    return tmp_path / "tuned"


def reference(folder, texts):
    model = load_model(folder)
    return model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)


def test_vectors_are_those_of_sentence_transformers_in_the_order_of_texts():
    encoder = load_encoder(str(tiny_model()), config=EncoderConfig(budget=64))
    vectors = encoder.encode_documents(TEXTS)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(TEXTS), encoder.dim)
    np.testing.assert_allclose(vectors, reference(tiny_model(), TEXTS), atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert encoder.encode_queries([]).shape == (0, encoder.dim)


def test_a_query_that_several_retrievers_ask_is_encoded_once(monkeypatch):
    encoder, asked = load_encoder(str(tiny_model())), []
    encode = type(encoder)._encode
    monkeypatch.setattr(type(encoder), "_encode", lambda self, *told: asked.append(told[1]) or encode(self, *told))
    first = encoder.encode_queries(["soft"])
    second = encoder.encode_queries(["soft"])
    first += 1  # what somebody does with it isn't kept
    assert asked == [["soft"]]
    np.testing.assert_array_equal(second, encoder.encode_queries(["soft"]))
    assert encoder.encode_documents(["soft"]).shape == second.shape and len(asked) == 2


def test_threads_share_an_encoder():
    encoder = load_encoder(str(tiny_model()))
    alone = encoder.encode_queries(TEXTS)
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda _: encoder.encode_queries(TEXTS), range(40)))
    for vectors in together:
        np.testing.assert_allclose(vectors, alone, atol=1e-6)


def test_a_query_is_left_to_one_thread_and_a_batch_to_all():
    from engine.search.torch_runner import WORTH_A_THREAD, TorchRunner

    used = []

    class Model(torch.nn.Linear):
        device = torch.device("cpu")

        def forward(self, given):
            used.append(torch.get_num_threads())
            return {"sentence_embedding": given["input_ids"].float()}

    model = Model(1000, 1000)
    run = TorchRunner(model, threads=2)
    try:
        for tokens in (10, WORTH_A_THREAD // 1000**2 + 1):
            run({"input_ids": np.ones((1, tokens), dtype=np.int64)})
        assert used == [1, 2]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)


def test_int8_stays_near_float32():
    pytest.importorskip("openvino", reason="the extra `fast` isn't installed")
    plain = load_encoder(str(tiny_model()))
    fast = load_encoder(str(tiny_model()), config=EncoderConfig(backend="openvino", budget=64))
    cosines = (plain.encode_documents(TEXTS) * fast.encode_documents(TEXTS)).sum(axis=1)
    assert cosines.min() > 0.99
    assert fast.weights == plain.weights
    assert fast.fingerprint != plain.fingerprint


def test_prefixes_of_a_folder_are_used(tuned):
    encoder = load_encoder(str(tuned))
    assert encoder.prefixes == ("search: ", "item: ")
    plain = load_encoder(str(tiny_model()))
    np.testing.assert_allclose(encoder.encode_queries(["bag"]), plain.encode_queries(["search: bag"]), atol=1e-5)
    np.testing.assert_allclose(encoder.encode_documents(["bag"]), plain.encode_queries(["item: bag"]), atol=1e-5)
    assert encoder.weights != plain.weights


class Silent:
    prompts: ClassVar = {"query": "", "document": ""}


@pytest.mark.parametrize(
    ("name", "prefixes"),
    [
        ("intfloat/multilingual-e5-small", ("query: ", "passage: ")),
        ("BAAI/bge-m3", ("", "")),
        ("BAAI/bge-small-en-v1.5/", ("Represent this sentence for searching relevant passages: ", "")),
        ("all-MiniLM-L6-v2", ("", "")),
    ],
)
def test_prefixes_by_name(name, prefixes):
    assert prefixes_of(name, Silent()) == prefixes


def test_longer_texts_are_cut_and_count_as_another_encoder():
    short = load_encoder(str(tiny_model()), config=EncoderConfig(max_tokens=8))
    full = load_encoder(str(tiny_model()))
    assert (short.max_tokens, full.max_tokens) == (8, 64)
    np.testing.assert_allclose(*short.encode_documents(["warm " * 20, "warm " * 6]), atol=1e-6)
    assert short.weights != full.weights


def test_batches_hold_every_text_once_longest_first_within_the_budget():
    lengths = np.random.default_rng(0).integers(1, 90, 200).tolist()
    made = list(batches(lengths, 300))
    assert sorted(np.concatenate(made).tolist()) == list(range(200))
    assert all(len(rows) * max(lengths[row] for row in rows) <= 300 for rows in made)
    firsts = [lengths[rows[0]] for rows in made]
    assert firsts == sorted(firsts, reverse=True)
    assert [len(rows) for rows in batches([500, 2], 300)] == [1, 1]
    assert list(batches([], 300)) == []


def test_a_fine_tuned_encoder_of_the_workspace(workspace, tuned):
    with pytest.raises(NotBuiltError, match=r"scripts/finetune_encoder\.py"):
        load_encoder("artifact:mine", workspace=workspace)
    with pytest.raises(ArtifactError, match="workspace"):
        load_encoder("artifact:mine")
    card = Card("encoders", "mine", new_version(), {}, "", "", 0)
    ArtifactStore(workspace).save(card, lambda folder: shutil.copytree(tuned, folder, dirs_exist_ok=True) and None)
    ours, theirs = load_encoder("artifact:mine", workspace=workspace), load_encoder(str(tuned))
    np.testing.assert_array_equal(ours.encode_queries(TEXTS), theirs.encode_queries(TEXTS))
    assert ours.weights == theirs.weights


@pytest.mark.parametrize("kind", ["os.system", "my_package.Pooling"])
def test_modules_that_are_not_the_librarys_are_refused(tuned, kind):
    file = tuned / "modules.json"
    modules = json.loads(file.read_text())
    modules[1]["type"] = kind
    file.write_text(json.dumps(modules))
    with pytest.raises(ArtifactError, match="no module of sentence-transformers"):
        load_encoder(str(tuned))


def test_modules_outside_the_folder_and_pickles_are_refused(tuned):
    file = tuned / "modules.json"
    modules = json.loads(file.read_text())
    (tuned / modules[1]["path"] / "pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(ArtifactError, match="pickle"):
        load_encoder(str(tuned))
    modules[1]["path"] = "../elsewhere"
    file.write_text(json.dumps(modules))
    with pytest.raises(ArtifactError, match="outside"):
        load_encoder(str(tuned))
    file.write_text("[1")
    with pytest.raises(ArtifactError, match=r"modules\.json"):
        load_encoder(str(tuned))


def test_a_cut_model_is_named(tuned):
    (tuned / "model.safetensors").write_bytes(b"\0" * 40)
    with pytest.raises(ArtifactError, match="can't be loaded"):
        load_encoder(str(tuned))


def test_bad_options():
    with pytest.raises(SettingsError, match="budget is 0"):
        EncoderConfig(budget=0)
    with pytest.raises(UnknownNameError, match="openvino"):
        load_encoder(config=EncoderConfig(backend="openvin"))


def test_slugs_are_folder_names_and_differ():
    names = [
        "all-MiniLM-L6-v2",
        "BAAI/bge-m3",
        "BAAI-bge-m3",
        "artifact:mine",
        "hf_models/mine",
        "..",
        "/a/" + "b" * 300,
    ]
    slugs = [slug(name) for name in names]
    assert slugs[0] == names[0]
    assert len(set(slugs)) == len(names)
    assert all(0 < len(one) <= 100 and not one.startswith(".") and "/" not in one for one in slugs)
