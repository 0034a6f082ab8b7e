"""The store of vectors: what is embedded again, what a kill and a damaged file cost, who may build."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

from engine.errors import ArtifactError, NotBuiltError, StorageError
from engine.search import embeddings as store
from engine.search.embeddings import embed, open_embeddings
from tests.engine.search.counting import CountingEncoder

IDS = [f"sku-{place}" for place in range(25)]
TEXTS = [f"red shoe number {place}" for place in range(25)]


def built(workspace, encoder, ids=IDS, texts=TEXTS):
    return embed(workspace, encoder, ids, texts, shard=4)


def test_vectors_are_those_of_the_encoder_in_the_order_of_documents(workspace):
    encoder = CountingEncoder()
    card = built(workspace, encoder)
    opened = open_embeddings(workspace, encoder.name)
    assert opened.version == card.version
    assert opened.item_ids.tolist() == IDS
    assert opened.weights == encoder.weights
    assert isinstance(opened.vectors, np.memmap)
    np.testing.assert_array_equal(opened.vectors, CountingEncoder().encode_documents(TEXTS))


def test_only_changed_documents_are_embedded_again(workspace):
    built(workspace, CountingEncoder())
    again = CountingEncoder()
    texts = ["a blue boot", *TEXTS[1:]]
    built(workspace, again, [*IDS[::-1], "new"], [*texts[::-1], "a new one"])
    assert sorted(again.seen) == ["a blue boot", "a new one"]
    opened = open_embeddings(workspace, again.name)
    np.testing.assert_array_equal(opened.vectors, CountingEncoder().encode_documents([*texts[::-1], "a new one"]))


def test_unchanged_documents_keep_the_version(workspace):
    encoder, done = CountingEncoder(), []
    first = built(workspace, encoder)
    second = embed(workspace, encoder, IDS, TEXTS, on_done=done.append)
    assert second.version == first.version
    assert len(encoder.seen) == len(TEXTS)
    assert sum(done) == len(TEXTS)


def test_equal_texts_are_embedded_once_and_counted_for_each(workspace):
    encoder, done = CountingEncoder(), []
    embed(workspace, encoder, ["a", "b", "c"], ["same", "same", "other"], on_done=done.append)
    assert sorted(encoder.seen) == ["other", "same"]
    assert sum(done) == 3
    vectors = open_embeddings(workspace, encoder.name).vectors
    np.testing.assert_array_equal(vectors[0], vectors[1])


def test_another_model_embeds_everything_again(workspace):
    built(workspace, CountingEncoder())
    other = CountingEncoder(weights="other")
    built(workspace, other)
    assert len(other.seen) == len(TEXTS)
    assert open_embeddings(workspace, other.name).weights == "other"


def test_a_failure_goes_on_after_the_last_shard(workspace):
    failing = CountingEncoder(fails_after=9)
    with pytest.raises(RuntimeError, match="no more"):
        built(workspace, failing)
    with pytest.raises(NotBuiltError, match=r"scripts/build_index\.py"):
        open_embeddings(workspace, failing.name)
    again = CountingEncoder()
    built(workspace, again)
    assert sorted([*failing.seen[:8], *again.seen]) == sorted(TEXTS)


def test_a_damaged_shard_is_embedded_again_and_others_are_not(workspace):
    failing = CountingEncoder(fails_after=9)
    with pytest.raises(RuntimeError):
        built(workspace, failing)
    shard = sorted((workspace.path / "embeddings" / "counting").glob("*.npz"))[0]
    shard.write_bytes(shard.read_bytes()[:-7])
    again = CountingEncoder()
    built(workspace, again)
    assert len(again.seen) == len(TEXTS) - 4
    np.testing.assert_array_equal(
        open_embeddings(workspace, again.name).vectors, CountingEncoder().encode_documents(TEXTS)
    )


def test_a_damaged_version_is_found_and_made_again(workspace):
    card = built(workspace, CountingEncoder())
    file = workspace.path / "artifacts" / "embeddings" / "counting" / card.version / store.VECTORS
    damaged = bytearray(file.read_bytes())
    damaged[200] ^= 1
    file.write_bytes(damaged)
    with pytest.raises(ArtifactError, match="damaged"):
        open_embeddings(workspace, "counting")
    again = CountingEncoder()
    built(workspace, again)
    assert len(again.seen) == len(TEXTS)
    assert open_embeddings(workspace, "counting").item_ids.tolist() == IDS


def test_a_version_written_before_a_kill_and_not_promoted_serves_after_the_next_run(workspace):
    first = built(workspace, CountingEncoder())
    second = built(workspace, CountingEncoder(), IDS[:5], TEXTS[:5])
    pointer = workspace.path / "artifacts" / "embeddings" / "counting" / "CURRENT"
    pointer.write_text(first.version + "\n")
    built(workspace, CountingEncoder(), IDS[:5], TEXTS[:5])
    assert open_embeddings(workspace, "counting").version == second.version


def test_the_second_builder_is_told(workspace):
    with store._building(workspace, "counting"), pytest.raises(StorageError, match="Another process is embedding"):
        built(workspace, CountingEncoder())


def test_nothing_to_embed_is_a_version_too(workspace):
    embed(workspace, CountingEncoder(), [], [])
    assert open_embeddings(workspace, "counting").vectors.shape == (0, CountingEncoder.dim)


KILLED = """
    import sys, time
    from pathlib import Path
    from engine.search.embeddings import embed
    from engine.workspace import Workspace
    from tests.engine.search.counting import CountingEncoder
    encoder = CountingEncoder(log=Path(sys.argv[2]), seconds=0.02)
    texts = [f"text {place}" for place in range(40)]
    embed(Workspace.open(Path(sys.argv[1])), encoder, texts, texts, shard=2)
"""


def test_a_killed_run_loses_at_most_the_shard_under_way(workspace, tmp_path):
    log = tmp_path / "embedded.txt"
    command = [sys.executable, "-c", textwrap.dedent(KILLED), str(workspace.path), str(log)]
    environment = {**os.environ, "PYTHONPATH": "."}
    for kept in (4, 14, 26):
        process = subprocess.Popen(command, env=environment)
        while process.poll() is None and len(log.read_text().splitlines() if log.exists() else []) < kept:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
    subprocess.run(command, env=environment, check=True)
    seen = log.read_text().splitlines()
    assert len(set(seen)) == 40
    assert len(seen) <= 40 + 3 * 2
    texts = [f"text {place}" for place in range(40)]
    np.testing.assert_array_equal(
        open_embeddings(workspace, "counting").vectors, CountingEncoder().encode_documents(texts)
    )
