"""Downloads from a hub on this machine that cuts, corrupts and throttles."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from engine.errors import ArtifactError
from engine.models.base_models import check_model, load_tokenizer
from engine.models.download import Hub, git_hash
from engine.tags.neural.lora_download import fetch_adapters
from scripts.download_hf_model import main as download_model
from scripts.download_lora_models import main as download_adapters
from tests.tiny_model import tiny_model

COMMIT = "a" * 40


class FakeHub(ThreadingHTTPServer):
    """Serves `files` of one repository; `faults` are done once each to the first answers about weights."""

    daemon_threads = True

    def __init__(self, files):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.faults, self.ranges = files, [], []
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}"

    def listing(self):
        def said(path, data):
            known = {
                "rfilename": path,
                "size": len(data),
                "blobId": hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest(),
            }
            if path.endswith(".safetensors"):
                known["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
            return known

        return {"id": "maker/tiny", "sha": COMMIT, "siblings": [said(*one) for one in self.files.items()]}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.answer(head=True)

    def do_GET(self):
        if self.path.startswith("/api/models/"):
            self.send(200, json.dumps(self.server.listing()).encode(), {})
        else:
            self.answer(head=False)

    def answer(self, *, head):
        data = self.server.files.get(self.path.split(f"/resolve/{COMMIT}/")[-1])
        if data is None:
            return self.send(404, b"", {"X-Error-Code": "EntryNotFound"})
        headers = {"ETag": f'"{hashlib.sha256(data).hexdigest()}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        if head:
            return self.send(200, data, headers, head=True)
        start = int(self.headers.get("Range", "bytes=0-").split("=")[1].split("-")[0])
        fault = self.server.faults.pop(0) if self.path.endswith("safetensors") and self.server.faults else None
        self.server.ranges += [start] if self.path.endswith("safetensors") else []
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        body = data[start:]
        if fault == "throttle":
            return self.send(429, b"slow down", {"Retry-After": "0"})
        if fault == "corrupt":
            body = body[:-4] + b"oops"
        return self.send(206 if start else 200, body, headers, cut=fault == "cut", slow=fault == "slow")

    def send(self, status, body, headers, *, head=False, cut=False, slow=False):
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if head:
            return
        sent = body[: len(body) // 2] if cut else body
        for at in range(0, len(sent), 8192):
            self.wfile.write(sent[at : at + 8192])
            time.sleep(0.002 if slow else 0)
        if cut:
            self.wfile.flush()
            self.close_connection = True
            self.connection.shutdown(2)


@pytest.fixture
def hub():
    files = {file.name: file.read_bytes() for file in tiny_model().iterdir()}
    server = FakeHub({**files, "pytorch_model.bin": b"pickle", "code.py": b"raise SystemExit"})
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("faults", [[], ["slow"], ["cut"], ["corrupt"], ["throttle", "cut", "corrupt"]])
def test_a_model_arrives_whole_whatever_the_hub_does(hub, tmp_path, faults, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 8192)  # what is written at once
    hub.faults = list(faults)
    place = Hub(hub.address).fetch("maker/tiny", tmp_path / "models" / "tiny", check_model)
    assert not hub.faults
    assert {file.name for file in place.iterdir()} == {file.name for file in tiny_model().iterdir()}
    assert all(file.read_bytes() == hub.files[file.name] for file in place.iterdir())
    assert load_tokenizer(place)("warm")["input_ids"]
    assert [folder.name for folder in place.parent.iterdir()] == ["tiny"]
    if faults == ["cut"]:
        assert hub.ranges[0] == 0 and hub.ranges[1] > 0  # it went on where it was cut


def test_bytes_that_stay_wrong_are_refused_and_the_rest_is_kept_for_the_next_run(hub, tmp_path):
    hub.faults = ["corrupt"] * 3
    target = tmp_path / "tiny"
    with pytest.raises(ArtifactError, match=r"model.safetensors of 'maker/tiny' couldn't be downloaded.*hash.*run it"):
        Hub(hub.address).fetch("maker/tiny", target, check_model)
    assert not target.exists()
    before = len(hub.ranges)
    Hub(hub.address).fetch("maker/tiny", target, check_model)
    assert target.is_dir() and len(hub.ranges) == before + 1


def test_a_model_that_cant_be_loaded_isnt_put_in_place(hub, tmp_path):
    hub.files["config.json"] = b'{"model_type": "strange"}'
    with pytest.raises(ArtifactError, match="can't be"):
        Hub(hub.address).fetch("maker/tiny", tmp_path / "tiny", check_model)
    assert not (tmp_path / "tiny").exists()


def test_pickles_paths_and_taken_places_are_refused(hub, tmp_path):
    (tmp_path / "taken").mkdir()
    with pytest.raises(ArtifactError, match="is there already"):
        Hub(hub.address).fetch("maker/tiny", tmp_path / "taken", check_model)
    del hub.files["model.safetensors"]
    with pytest.raises(ArtifactError, match="no safetensors"):
        Hub(hub.address).fetch("maker/tiny", tmp_path / "tiny", check_model)
    hub.files["../../evil.json"] = b"{}"
    with pytest.raises(ArtifactError, match="would leave its folder"):
        Hub(hub.address).fetch("maker/tiny", tmp_path / "tiny", check_model)


def test_a_hub_that_isnt_there_is_named(tmp_path):
    with pytest.raises(ArtifactError, match="can't be listed"):
        Hub("http://127.0.0.1:9").files("maker/tiny", None)


def test_the_hash_of_git(tmp_path):
    (tmp_path / "hello").write_bytes(b"hello\n")
    assert git_hash(tmp_path / "hello") == "ce013625030ba8dba906f756967f9e9ca394464a"  # git hash-object


@pytest.fixture
def adapters(hub):
    import numpy as np
    from safetensors.numpy import save

    config = json.dumps({"peft_type": "LORA", "r": 4, "task_type": "SEQ_CLS"}).encode()
    weights = save({"base_model.model.classifier.weight": np.ones((2, 32), dtype=np.float32)})
    hub.files = {f"lora_bert_output_{name}/adapter_config.json": config for name in ("bags", "shoes")}
    hub.files |= {f"lora_bert_output_{name}/adapter_model.safetensors": weights for name in ("bags", "shoes")}
    hub.files["lora_bert_output_bags/labels.json"] = b'["soft", "roomy"]'
    return hub


def test_adapters_arrive_and_say_what_they_need(adapters, tmp_path):
    adapters.faults = ["cut"]
    found = dict(fetch_adapters(Hub(adapters.address), "maker/tiny", tmp_path))
    assert found[tmp_path / "lora_bert_output_bags"] == ""
    assert "brings no labels; write labels.json" in found[tmp_path / "lora_bert_output_shoes"]
    assert sorted(folder.name for folder in tmp_path.iterdir()) == ["lora_bert_output_bags", "lora_bert_output_shoes"]
    with pytest.raises(ArtifactError, match="--replace"):
        list(fetch_adapters(Hub(adapters.address), "maker/tiny", tmp_path))
    assert len(list(fetch_adapters(Hub(adapters.address), "maker/tiny", tmp_path, replace=True))) == 2


def test_the_scripts(adapters, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HF_ENDPOINT", adapters.address)
    monkeypatch.delenv("SHELFWISE_LORA_REPO", raising=False)
    assert download_adapters(["--out-dir", str(tmp_path / "adapters")]) == 2
    assert "SHELFWISE_LORA_REPO" in capsys.readouterr().err
    monkeypatch.setenv("SHELFWISE_LORA_REPO", "maker/tiny")
    assert download_adapters(["--out-dir", str(tmp_path / "adapters")]) == 0
    assert "before it can serve" in capsys.readouterr().out
    adapters.files = {file.name: file.read_bytes() for file in tiny_model().iterdir()}
    assert download_model(["--model-id", "maker/tiny", "--local-dir", str(tmp_path / "tiny")]) == 0
    assert "verified and loaded once" in capsys.readouterr().out
