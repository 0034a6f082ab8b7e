"""A chat is told, or it isn't; whatever it answers costs nothing and shows no token."""

import json
import logging
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from told import NOW

from engine.retraining.job import Asked, retrain
from engine.retraining.telegram import MOST, send
from engine.settings import TelegramSettings, load_telegram_settings

TOKEN = "123:very-secret"


@contextmanager
def telegram(answer):
    """A server that keeps what it was asked and answers with `answer(handler)`."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            asked.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            answer(self)

        def log_message(self, *arguments):
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield TelegramSettings(TOKEN, "42", f"http://127.0.0.1:{server.server_port}"), asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def says(status, body=b'{"ok": true}', **headers):
    def answer(handler):
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def test_a_chat_gets_one_plain_message():
    with telegram(says(200)) as (settings, asked):
        assert send(settings, "*kept* <b>" + "x" * 9000) == "Telegram was told"
    ((path, body),) = asked
    assert path == f"/bot{TOKEN}/sendMessage" and body["chat_id"] == "42" and "parse_mode" not in body
    assert body["text"].startswith("*kept* <b>") and len(body["text"]) == MOST


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (says(401, b'{"ok": false}'), "it answered 401"),
        (says(500), "it answered 500"),
        (says(302, b"", Location="http://127.0.0.1:9/elsewhere"), "it answered 302"),
        (says(200, b"<html>"), "JSONDecodeError"),
        (says(200, b'{"ok": false}'), "ValueError"),
        (lambda handler: time.sleep(0.6), "TimeoutError"),
        (lambda handler: handler.connection.close(), ""),
    ],
)
def test_whatever_it_answers_is_told_without_the_token(answer, words, caplog):
    caplog.set_level(logging.DEBUG)
    with telegram(answer) as (settings, asked):
        said = send(settings, "kept", timeout=0.3)
    assert said.startswith("Telegram was not told") and words in said and len(asked) == 1
    assert TOKEN not in said + caplog.text + repr(settings) and "secret" not in caplog.text


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:1", "http://example.com", "ftp://127.0.0.1", "nonsense", "https://[", ""]
)
def test_an_address_that_cannot_be_used_harms_nothing(address, caplog):
    said = send(TelegramSettings(TOKEN, "42", address), "kept", timeout=0.3)
    assert said.startswith("Telegram was not told") and TOKEN not in said + caplog.text


def test_without_a_chat_nothing_is_sent():
    assert "isn't set up" in send(TelegramSettings(TOKEN, None), "x")
    assert "isn't set up" in send(TelegramSettings(None, "42"), "x")


def test_a_retraining_tells_the_outcome_and_no_user(shop, monkeypatch):
    with telegram(says(200)) as (settings, asked):
        monkeypatch.setenv("SHELFWISE_TELEGRAM_TOKEN", TOKEN)
        monkeypatch.setenv("SHELFWISE_TELEGRAM_CHAT", "42")
        monkeypatch.setenv("SHELFWISE_TELEGRAM_ADDRESS", settings.address)
        assert load_telegram_settings() == settings
        state = retrain(shop, {"seed": 1, "trials": 1}, Asked(now=NOW))
    ((_, body),) = asked
    assert "promoted" in body["text"] and "U-" not in body["text"] and state.outcome == "promoted"
    files = [file.read_text() for file in (shop.path / "retraining").rglob("*") if file.suffix in (".json", ".md")]
    assert files and not any(TOKEN in text for text in files)


def test_a_chat_that_is_down_fails_no_retraining(shop, monkeypatch):
    monkeypatch.setattr(
        "engine.retraining.notifying.load_telegram_settings",
        lambda: replace(TelegramSettings(TOKEN, "42"), address="http://127.0.0.1:1"),
    )
    state = retrain(shop, {"seed": 1, "trials": 1}, Asked(now=NOW))
    assert state.outcome == "promoted" and "was not told" in state.steps["notify"].words
