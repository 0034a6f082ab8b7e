"""A PostgreSQL that hangs without a word: its packets stop half way, and come again later."""

from __future__ import annotations

import os
import select
import socket
import threading
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
from fastapi.testclient import TestClient

from engine.serve.app import create_app
from engine.serve.config import ServeConfig
from engine.serve.storage import TABLES

POSTGRES = os.environ.get("SHELFWISE_TEST_POSTGRES")


class Line:
    """Passes on what clients and the database say to each other, as long as it isn't cut."""

    def __init__(self, host: str, port: int) -> None:
        self._target, self.whole = (host, port), threading.Event()
        self.whole.set()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._pass, args=(client,), daemon=True).start()

    def _pass(self, client: socket.socket) -> None:
        with suppress(OSError), client, socket.create_connection(self._target) as database:  # either may hang up
            other = {client: database, database: client}
            while True:
                for speaker in select.select([client, database], [], [])[0]:
                    said = speaker.recv(65_536)
                    if not said:
                        return
                    self.whole.wait()
                    other[speaker].sendall(said)

    def close(self) -> None:
        self.whole.set()
        self._listening.close()


@pytest.mark.skipif(not POSTGRES, reason="SHELFWISE_TEST_POSTGRES names no database to test on")
def test_lists_come_from_the_pipeline_and_events_are_to_be_sent_again(shop):
    parts = urlsplit(POSTGRES)
    line = Line(parts.hostname, parts.port or 5432)
    url = parts._replace(netloc=f"{parts.netloc.rpartition('@')[0]}@127.0.0.1:{line.port}").geturl()
    event = {"events": [{"event_id": "e", "user_id": "U-01", "item_id": "bag-01", "event": "view"}]}
    with TestClient(
        create_app(shop.path, ServeConfig(open=True, deadline=4, store_deadline=1), database=url)
    ) as client:
        assert client.get("/recommendations/U-01").json()["degraded"] == []
        line.whole.clear()
        for user in ("U-02", "U-03", "U-04"):
            said = client.get(f"/recommendations/{user}").json()
            assert (said["source"], said["degraded"]) == ("pipeline", ["recent_events"])
        assert client.post("/events", json=event).status_code == 503
        assert not client.get("/ready").json()["database"] and client.get("/health").status_code == 200
        line.whole.set()
        said = client.post("/events", json=event).json()
        assert said["stored"] + said["duplicates"] == 1
        database = client.app.state.service.database
        TABLES.drop_all(database.engine)
    line.close()
