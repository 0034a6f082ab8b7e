import pytest

from engine.errors import SettingsError, UnknownNameError
from engine.llm.backends import check_address, find_endpoint
from engine.settings import LlmSettings, load_llm_settings


def test_nothing_configured_means_no_llm():
    assert find_endpoint(None, LlmSettings()) is None
    assert find_endpoint("embedded", LlmSettings(token="sk-1")) is None


def test_a_key_alone_chooses_the_preset():
    endpoint = find_endpoint(None, LlmSettings(token="sk-secret"))
    assert endpoint.base_url == "https://api.openai.com/v1"
    assert "sk-secret" not in repr(endpoint) + repr(LlmSettings(token="sk-secret"))


def test_a_local_preset_keeps_its_address_unless_the_environment_names_one_on_this_machine():
    away, here = LlmSettings(base_url="https://llm.example/v1"), LlmSettings(base_url="http://localhost:9/v1")
    assert find_endpoint("ollama", away).base_url == "http://127.0.0.1:11434/v1"
    assert find_endpoint("ollama", here).base_url == "http://localhost:9/v1"


@pytest.mark.parametrize(
    "url",
    [
        "http://llm.example/v1",
        "http://localhost.llm.example/v1",
        "http://127.0.0.1.llm.example/v1",
        "http://10.0.0.1/v1",
        "ftp://127.0.0.1/v1",
        "file:///etc/passwd",
        "https://",
        "https://me:pw@llm.example/v1",
        "http://127.0.0.1:99999/v1",
        "llm.example",
    ],
)
def test_only_https_or_this_machine(url):
    with pytest.raises(SettingsError, match="OPENAI_BASE_URL") as caught:
        check_address(url)
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize("url", ["https://llm.example/v1", "http://127.0.0.1:8000/v1", "http://[::1]:8000/v1"])
def test_addresses_that_may_be_asked(url):
    check_address(url)


def test_what_is_missing_is_named():
    with pytest.raises(SettingsError, match="OPENAI_TOKEN"):
        find_endpoint("openai", LlmSettings())
    with pytest.raises(SettingsError, match="OPENAI_MODEL"):
        find_endpoint("vllm", LlmSettings())
    with pytest.raises(UnknownNameError, match="did you mean 'ollama'"):
        find_endpoint("olama", LlmSettings())


@pytest.mark.parametrize(
    ("name", "value"), [("MAX_CONCURRENT", "0"), ("MAX_CONCURRENT", "1000"), ("SIMILARITY_THRESHOLD", "1.5")]
)
def test_settings_that_cannot_be_used_are_named(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=name):
        load_llm_settings()


def test_settings_come_from_the_environment(monkeypatch):
    for name, value in {"OPENAI_MODEL": "m", "MAX_CONCURRENT": "3", "SIMILARITY_THRESHOLD": "0.8"}.items():
        monkeypatch.setenv(name, value)
    settings = load_llm_settings()
    assert (settings.model, settings.concurrent, settings.similarity) == ("m", 3, 0.8)
