"""Folders of adapters: what is missing or doesn't fit is named; those of other makers serve beside ours."""

from __future__ import annotations

import json
import shutil
import threading

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from engine.errors import ArtifactError, DataError
from engine.models.base_models import EMBEDDED, FOLDER, check_model, find_base, load_encoder, load_tokenizer
from engine.schema import ItemText
from engine.tags.base import TaggedItems
from engine.tags.neural.lora import LoraConfig, LoraTagger
from engine.tags.neural.lora_folders import AdapterFolder, adapter_of
from engine.tags.neural.lora_nets import load_adapter, sharing
from engine.tags.neural.lora_training import AdapterTraining, Data, take
from engine.tags.neural.net import TagNet, over_chunks
from tests.tagged import TAGS, cut, made
from tests.tiny_model import SMALL, save_tiny_model, tiny_model

TRAIN, VALID, TEST = cut(made(240), 140, 60, 40)


@pytest.fixture(autouse=True)
def _quiet_home(home, monkeypatch):
    monkeypatch.setenv("SHELFWISE_THREADS", "1")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A tagger with an adapter for bags and one for shoes, saved in a folder."""
    folder = tmp_path_factory.mktemp("lora")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHELFWISE_HOME", str(folder / "home"))
        tagger = LoraTagger(LoraConfig(base=str(tiny_model()), **SMALL)).fit(TRAIN, VALID)
    tagger.save(folder)
    return tagger, folder


@pytest.fixture
def adapters(trained, tmp_path):
    """A copy of its adapters that a test may damage."""
    return shutil.copytree(trained[1] / "adapters", tmp_path / "adapters")


def use(adapters, **changed):
    return LoraTagger(LoraConfig(adapters=str(adapters), **{"base": str(tiny_model()), **SMALL, **changed}))


def test_good_types_have_their_adapters():
    assert adapter_of("Bags") == "lora_bert_output_bags"
    assert adapter_of("Beauty_Accs") == "lora_bert_output_beauty"
    assert {adapter_of(name) for name in ("Accs", "Home_Accs", "Toys", "Lamps")} == {"lora_bert_output_accs"}


def test_a_folder_holds_only_data_in_the_known_layout(adapters):
    assert [folder.name for folder in sorted(adapters.iterdir())] == ["lora_bert_output_bags", "lora_bert_output_shoes"]
    for folder in adapters.iterdir():
        assert {file.name for file in folder.iterdir()} == {
            "adapter_config.json",
            "adapter_model.safetensors",
            "labels.json",
        }
        said = json.loads((folder / "adapter_config.json").read_text())
        assert said["base_model_name_or_path"] == str(tiny_model())


def test_adapters_from_a_folder_say_what_they_said_when_they_were_trained(trained, adapters):
    tagger, _ = trained
    again = use(adapters).fit(TRAIN, VALID)
    assert np.allclose(again.probabilities(TEST.items), tagger.probabilities(TEST.items), atol=1e-6)


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("adapter_model.safetensors", None, "safetensors is missing"),
        ("adapter_model.safetensors", b"\x08\0\0\0\0\0\0\0{}", "damaged"),
        ("adapter_config.json", b"{", "can't be read as JSON"),
        ("adapter_config.json", b'{"peft_type": "IA3"}', "no LoRA adapter"),
        ("adapter_config.json", b'{"peft_type": "LORA", "r": 1000000}', "r = 1000000"),
        ("labels.json", None, r'brings no labels; write labels.json .* \d tags .*\["soft", "true to size", …\]'),
        ("labels.json", b'["one"]', r"names 1 tags, and the adapter has \d outputs"),
        ("labels.json", b'{"0": "one"}', "isn't a list of tags"),
    ],
)
def test_what_is_wrong_with_a_folder_is_named(adapters, file, content, said):
    path = adapters / "lora_bert_output_bags" / file
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(ArtifactError, match=said):
        use(adapters).fit(TRAIN, VALID)


def test_a_pickle_is_never_read(adapters):
    weights = adapters / "lora_bert_output_bags" / "adapter_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(ArtifactError, match="a pickle, which is never read"):
        use(adapters).fit(TRAIN, VALID)


def test_weights_of_another_size_and_another_base_are_refused(adapters, tmp_path):
    folder = adapters / "lora_bert_output_bags"
    weights = load_file(folder / "adapter_model.safetensors")
    name = next(name for name in weights if name.endswith("lora_A.weight"))
    save_file({**weights, name: weights[name][:, :5].copy()}, folder / "adapter_model.safetensors")
    with pytest.raises(ArtifactError, match="doesn't fit the base model"):
        use(adapters).fit(TRAIN, VALID)
    with pytest.raises(ArtifactError, match=r"was trained over .*tiny-bert.*, not over"):
        use(adapters, base=str(save_tiny_model(tmp_path / "other-bert"))).fit(TRAIN, VALID)


def test_an_empty_folder_and_strange_tags_are_refused(adapters, tmp_path):
    with pytest.raises(ArtifactError, match="holds no adapters"):
        use(tmp_path / "nothing").fit(TRAIN, VALID)
    renamed = TaggedItems(TRAIN.items, [{f"{tag}!" for tag in tags} for tags in TRAIN.tags])
    with pytest.raises(DataError, match="None of the tags"):
        use(adapters).fit(renamed, VALID)


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing.:FutureWarning")  # PEFT's own, while it makes one
def test_an_adapter_of_a_classifier_of_whole_texts_serves(tmp_path):
    """As PEFT saves one that was trained with AutoModelForSequenceClassification."""
    from peft import LoraConfig as Peft
    from peft import get_peft_model
    from transformers import AutoModelForSequenceClassification

    model = AutoModelForSequenceClassification.from_pretrained(tiny_model(), num_labels=2)
    made_elsewhere = get_peft_model(model, Peft(task_type="SEQ_CLS", r=4, target_modules=["query"])).eval()
    folder = tmp_path / "lora_bert_output_shoes"
    made_elsewhere.save_pretrained(folder)
    (folder / "labels.json").write_text(json.dumps(["маломерит", "keeps warm"]), encoding="utf-8")
    net = load_adapter(load_encoder(tiny_model()), AdapterFolder.read(folder))
    assert net.whole
    read = load_tokenizer(tiny_model())("Toasty even in the snow", return_tensors="pt")
    expected = made_elsewhere(**read).logits.detach().numpy()
    assert np.allclose(over_chunks(net.net, [tuple(read["input_ids"][0].tolist())]).numpy(), expected, atol=1e-5)
    tagger = use(tmp_path).fit(TRAIN, VALID)
    (row,) = tagger.probabilities([ItemText("x", "Shoes", ("Toasty", "They run small"))])
    assert np.isfinite(row).all() and row.max() > 0


def test_adapters_share_the_weights_of_the_base_and_nothing_else(trained):
    _, folder = trained
    loaded = LoraTagger.load(folder)
    nets = [net.net.base_model.model.encoder for net in loaded._nets.values()]
    shared = [{id(w) for name, w in net.named_parameters() if "lora_" not in name} for net in nets]
    own = [{id(w) for name, w in net.named_parameters() if "lora_" in name} for net in nets]
    assert shared[0] == shared[1] and not own[0] & own[1]
    encoder = load_encoder(tiny_model())
    assert sharing(encoder) is not encoder


def test_sessions_at_once_get_what_each_would_get_alone(trained):
    tagger, _ = trained
    groups = [[one for one in TEST.items if one.category == category] for category in ("Bags", "Shoes")]
    alone = [tagger.probabilities(group) for group in groups]
    found = {}

    def ask(session):
        found[session] = [tagger.probabilities(groups[session % 2]) for _ in range(4)]

    threads = [threading.Thread(target=ask, args=(session,)) for session in range(6)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    for session, answers in found.items():
        assert all(np.allclose(answer, alone[session % 2], atol=1e-6) for answer in answers)
    mixed = tagger.probabilities(TEST.items)
    assert np.allclose(mixed[[one.category == "Bags" for one in TEST.items]], alone[0], atol=1e-5)


def test_a_base_that_is_nowhere_names_the_command():
    with pytest.raises(ArtifactError) as raised:
        find_base("some-maker/some-bert")
    assert "download_hf_model.py --model-id some-maker/some-bert --local-dir hf_models/some-bert" in str(raised.value)
    assert EMBEDDED in str(raised.value)
    assert FOLDER.name == "hf_models" and find_base(EMBEDDED).is_dir()


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        ("model.safetensors", "a tokenizer and no weights"),
        ("config.json", "no config.json"),
        ("tokenizer", "no tokenizer"),
    ],
)
def test_a_base_with_only_some_files_is_named(tmp_path, gone, said):
    folder = save_tiny_model(tmp_path / "half")
    for file in [*folder.glob(f"{gone}*"), *(folder.glob("vocab*") if gone == "tokenizer" else [])]:
        file.unlink()
    with pytest.raises(ArtifactError, match=said):
        find_base(str(folder))


def test_a_base_that_wants_to_run_code_or_is_cut_is_refused(tmp_path):
    folder = save_tiny_model(tmp_path / "odd")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:200])
    with pytest.raises(ArtifactError, match="can't be loaded"):
        check_model(folder)
    config = {"model_type": "strange", "auto_map": {"AutoModel": "code.Model", "AutoConfig": "code.Config"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "code.py").write_text("raise SystemExit('ran')")
    with pytest.raises(ArtifactError, match="can't be"):
        check_model(folder)


def test_an_own_adapter_begins_as_the_common_one_with_its_rows_of_the_head():
    training = AdapterTraining(load_encoder(tiny_model()), load_tokenizer(tiny_model()), LoraConfig(rank=2))
    common, own = (training._with_adapter(TagNet(sharing(training.encoder), n)) for n in (3, 2))
    given, taken = dict(common.named_parameters()), dict(own.named_parameters())
    for weight in given.values():
        if weight.requires_grad:
            torch.nn.init.normal_(weight)
    take(own, common, [2, 0])
    learning = {name for name, weight in taken.items() if weight.requires_grad}
    assert any("lora_B" in name for name in learning) and any(".head." in name for name in learning)
    for name in learning:
        assert torch.equal(taken[name], given[name][[2, 0]] if ".head." in name else given[name])


def test_an_adapter_has_the_labels_of_its_good_type():
    own = Data(TRAIN, VALID, tuple(sorted(TAGS))).of_adapter("lora_bert_output_bags")
    assert {one.category for one in (*own.train.items, *own.valid.items)} == {"Bags"}
    assert set(own.labels) == set().union(*own.train.tags) and "маломерит" not in own.labels


def test_labels_are_those_of_train(trained):
    assert set(trained[0].tags) == set(TAGS)
