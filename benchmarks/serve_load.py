"""How much the service carries: python benchmarks/serve_load.py [--users N] [--items N] [--seconds S]

Generated shop (100,000 users, 30,000 items, 20 events each; item_knn and popularity), served by scripts/serve.py in one
process. Printed from one run, for 1, 16 and 64 clients that ask again as soon as they are answered: requests/s and
milliseconds of recommendations, of events (each stored and synced before it is acknowledged), and of a bare FastAPI
route that returns a constant of the same size; and what the pipeline takes alone. Clients share the machine with the
service. Five minutes on two cores.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.recommend_speed import make_log
from engine.artifacts import ArtifactStore, Card, new_version
from engine.recommend.pipeline import PipelineConfig
from engine.recommending.people import history_of
from engine.recommending.serving import open_pipeline
from engine.recommending.shop import FILL, RecommendConfig, Shop, fit_model, open_shop
from engine.recommending.training import KIND, PIPELINE, described, write_config
from engine.serve.folding import folded
from engine.settings import PROJECT
from engine.workspace import Workspace

MODEL, K, CLIENTS, EVENTS_PER_USER, ALONE = "item_knn", 10, (1, 16, 64), 20, 200


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print."""
    arguments = ArgumentParser(description=__doc__)
    arguments.add_argument("--users", type=int, default=100_000)
    arguments.add_argument("--items", type=int, default=30_000)
    arguments.add_argument("--seconds", type=float, default=8.0, help="of each measurement")
    arguments.add_argument("--constant", nargs=2, type=int, metavar=("PORT", "BYTES"), help="only serve a constant")
    chosen = arguments.parse_args(argv)
    if chosen.constant:
        _serve_constant(*chosen.constant)
        return
    with tempfile.TemporaryDirectory() as home:
        workspace = _build(Path(home), chosen.users, chosen.items)
        alone = _alone(workspace, chosen.users)
        print(f"the pipeline alone {np.median(alone):.2f} ms (p95 {np.quantile(alone, 0.95):.2f})", flush=True)
        _load(Path(home), chosen.users, chosen.items, chosen.seconds)


def _build(home: Path, n_users: int, n_items: int) -> Workspace:
    """A workspace with a pipeline that serves; its weights are given, as their measuring isn't the question here."""
    log, catalogue = make_log(n_users * EVENTS_PER_USER, n_users, n_items)
    workspace = Workspace.create(home / "shop")
    items = {"item_id": log.item_ids, "title": log.item_ids, "category": catalogue.categories[catalogue.leaves]}
    events = {
        "user_id": log.users[log.user],
        "item_id": log.item_ids[log.item],
        "event": np.array(log.kinds, dtype=object)[log.kind],
        "timestamp": pd.to_datetime(log.micros, unit="us", utc=True),
    }
    with workspace.replace_tables("generated") as writer:
        writer.write("items", pa.table({name: pa.array(values.tolist()) for name, values in items.items()}))
        writer.write("events", pa.Table.from_pandas(pd.DataFrame(events), preserve_index=False))
    shop = open_shop(workspace, RecommendConfig())
    weights = PipelineConfig({MODEL: 1.0, FILL: 0.1})
    for name in (MODEL, FILL):
        model = fit_model(name, shop.all, shop.catalogue, seed=1)
        _save(workspace, name, described(shop.config, model.config), model.save)
    _save(workspace, PIPELINE, described(shop.config, weights), lambda folder: write_config(folder, weights))
    print(f"{n_users:,} users, {n_items:,} items, {len(shop.log):,} events, {MODEL} and {FILL}, k = {K}", flush=True)
    return workspace


def _save(workspace: Workspace, name: str, config: dict[str, object], write: Callable[[Path], None]) -> None:
    card = Card(KIND, name, new_version(), config=config, data_hash=workspace.data_hash(), split="", seed=1)
    ArtifactStore(workspace).save(card, write)


def _alone(workspace: Workspace, n_users: int) -> list[float]:
    """Milliseconds of one user's list without a service around it."""
    shop, pipeline = open_pipeline(workspace)
    return [_one(shop, pipeline, f"user-{n % n_users:07d}") for n in range(ALONE)]


def _one(shop: Shop, pipeline: object, user_id: str) -> float:
    start = time.perf_counter()
    history = history_of(folded(shop, {}, user_id, ()), shop.config.events, user_id)
    pipeline.recommend(history, K)
    return (time.perf_counter() - start) * 1000


def _load(home: Path, n_users: int, n_items: int, seconds: float) -> None:
    rng, numbers = np.random.default_rng(2), count()

    def recommend() -> bytes:
        return _request(f"/recommendations/user-{rng.integers(n_users):07d}?k={K}")

    def tell() -> bytes:
        event = {"event_id": f"e{next(numbers)}", "user_id": f"user-{rng.integers(n_users):07d}", "event": "view"}
        return _request("/events", {"events": [{**event, "item_id": f"item-{rng.integers(n_items):07d}"}]})

    serve = ["scripts/serve.py", "--open", "--rate", "0", "--deadline", "30", "--workspace", "shop"]
    with _started(home, lambda port: [*serve, "--port", str(port)], "/health") as port:
        first = urllib.request.urlopen(f"http://127.0.0.1:{port}/recommendations/user-0000001?k={K}").read()
        assert b'"source":"pipeline"' in first, first
        with _started(
            home, lambda own: ["benchmarks/serve_load.py", "--constant", str(own), str(len(first))], "/"
        ) as own:
            for clients in CLIENTS:
                rates = {}
                for name, at, make in (
                    ("constant", own, lambda: _request("/")), ("lists", port, recommend), ("events", port, tell)
                ):  # fmt: skip
                    times = asyncio.run(_measured(at, clients, seconds, make))
                    rates[name] = len(times) / seconds
                    _say(name, clients, times, seconds)
                print(
                    f"{'':<12}lists at {rates['lists'] / rates['constant']:.2f} of the constant's throughput",
                    flush=True,
                )


def _say(name: str, clients: int, times: list[float], seconds: float) -> None:
    p50, p95, p99 = np.quantile(times, (0.5, 0.95, 0.99)) * 1000
    rate = f"{len(times) / seconds:>8,.0f}/s"
    print(f"{name:<12}{clients:>3} clients {rate}   p50 {p50:.1f}  p95 {p95:.1f}  p99 {p99:.1f} ms", flush=True)


def _request(path: str, body: object = None) -> bytes:
    data = json.dumps(body).encode() if body is not None else b""
    head = f"{'POST' if data else 'GET'} {path} HTTP/1.1\r\nHost: localhost\r\n"
    more = f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n" if data else ""
    return f"{head}{more}\r\n".encode() + data


async def _measured(port: int, clients: int, seconds: float, make: Callable[[], bytes]) -> list[float]:
    """Seconds of each answer; every one must be a 200."""
    times: list[float] = []
    until = time.perf_counter() + seconds

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() < until:
            start = time.perf_counter()
            writer.write(make())
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
            await reader.readexactly(int(length.split(b":")[1]))
            assert head.startswith(b"HTTP/1.1 200"), head
            times.append(time.perf_counter() - start)
        writer.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    return times


@contextmanager
def _started(home: Path, command: Callable[[int], list[str]], path: str) -> Iterator[int]:
    """The port of a started server, which is stopped at the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "SHELFWISE_HOME": str(home), "PYTHONPATH": str(PROJECT)}
    with (home / f"{port}.log").open("w") as log:
        process = subprocess.Popen([sys.executable, *command(port)], cwd=PROJECT, env=environment, stderr=log)
    try:
        while process.poll() is None:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60).close()
                break
            except OSError:
                time.sleep(0.2)
        yield port
    finally:
        process.terminate()
        process.wait()


def _serve_constant(port: int, size: int) -> None:
    import uvicorn
    from fastapi import FastAPI
    from starlette.responses import Response

    app, body = FastAPI(), b" " * size

    @app.get("/")
    async def constant() -> Response:
        return Response(body, media_type="application/json")

    uvicorn.run(app, host="127.0.0.1", port=port, access_log=False, log_level="warning")


if __name__ == "__main__":
    main()
