"""How much the service carries: python benchmarks/serve_load.py [--users N] [--items N] [--seconds S] [--remember N]

Generated shop (100,000 users, 30,000 items, 20 events each; item_knn and popularity), served by scripts/serve.py in one
process. Printed from one run, warm, for 1, 16 and 64 clients that ask again as soon as they are answered, each for the
list of a user drawn at random: requests/s, milliseconds, and microseconds of CPU that the service takes for a request

- of a bare FastAPI route that returns a constant of the same size,
- of lists that are remembered, after the service has made those of all users ahead (seconds, lists and memory of that),
- of lists that are made anew for each request (--remember 0; of the two, only this one with --remember 0),
- of events, each stored and synced before it is acknowledged,

and the model call alone, for one user and for 16 together. CPU is compared too, as other work on the machine disturbs
it less. Clients share the machine with the service: wrk (Debian's package of that name) where it is installed, else a
loop in Python, which is slower than what it asks and says so. Events come from the loop. Six minutes on two cores.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.recommend_speed import make_log
from engine.artifacts import ArtifactStore, Card, new_version
from engine.recommend.evaluation import histories_of
from engine.recommend.interactions import interactions
from engine.recommend.pipeline import Pipeline, PipelineConfig
from engine.recommending.serving import open_pipeline
from engine.recommending.shop import FILL, RecommendConfig, Shop, fit_model, open_shop
from engine.recommending.training import KIND, PIPELINE, described, write_config
from engine.serve.folding import folded, together
from engine.settings import PROJECT
from engine.workspace import Workspace

MODEL, K, CLIENTS, EVENTS_PER_USER, ALONE, TOGETHER = "item_knn", 10, (1, 16, 64), 20, 320, 16
WRK = shutil.which("wrk")
WARM = 3.0  # seconds before anything is measured
AHEAD = 0.9  # share of a core that makes lists ahead here, so that it is soon done
SCRIPT = """
function init() math.randomseed(tonumber(os.getenv("SEED"))) end
function request()
  return wrk.format("GET", string.format("/recommendations/user-%07d?k={k}", math.random(0, {users} - 1)))
end
"""


@dataclass(frozen=True)
class Load:
    """What was measured. rate: answers a second; p50, p95, p99: milliseconds; cpu: microseconds of the server's
    processor time for each."""

    rate: float
    p50: float
    p95: float
    p99: float
    cpu: float

    def __str__(self) -> str:
        times = f"p50 {self.p50:7.1f}  p95 {self.p95:7.1f}  p99 {self.p99:7.1f} ms"
        return f"{self.rate:>8,.0f}/s   {times}   CPU {self.cpu:5.0f} us"


@dataclass(frozen=True)
class Server:
    """A started server. log: the file of what it writes to standard error."""

    port: int
    process: psutil.Process
    log: Path

    @property
    def cpu(self) -> float:
        """Seconds of processor time until now."""
        times = self.process.cpu_times()
        return float(times.user + times.system)


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print."""
    arguments = ArgumentParser(description=__doc__)
    arguments.add_argument("--users", type=int, default=100_000)
    arguments.add_argument("--items", type=int, default=30_000)
    arguments.add_argument("--seconds", type=float, default=8.0, help="of each measurement")
    arguments.add_argument("--remember", type=int, help="lists kept, 0: measure only lists that are made anew")
    arguments.add_argument("--constant", nargs=2, type=int, metavar=("PORT", "BYTES"), help="only serve a constant")
    chosen = arguments.parse_args(argv)
    if chosen.constant:
        _serve_constant(*chosen.constant)
        return
    with tempfile.TemporaryDirectory() as home:
        workspace = _build(Path(home), chosen.users, chosen.items)
        _say_alone(workspace, chosen.users)
        print(f"clients: {'wrk' if WRK else 'a loop in Python, which slows down whatever is fast'}", flush=True)
        kept = chosen.users if chosen.remember is None else chosen.remember
        for remember in dict.fromkeys((kept, 0)):
            _load(Path(home), chosen.users, chosen.items, chosen.seconds, remember)


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


def _say_alone(workspace: Workspace, n_users: int) -> None:
    """Print what a list takes without a service around it."""
    shop, pipeline = open_pipeline(workspace)
    rng = np.random.default_rng(3)
    for n in (1, TOGETHER):
        users = [[f"user-{place:07d}" for place in rng.integers(n_users, size=n)] for _ in range(ALONE // n)]
        _together(shop, pipeline, users[0])
        cpu = time.process_time()
        times = [_together(shop, pipeline, some) / n * 1000 for some in users]
        cpu = (time.process_time() - cpu) / ALONE * 1e6
        p50, p95 = np.quantile(times, (0.5, 0.95))
        print(f"the model call alone, {n:>2} users together: {p50:.2f} ms a list (p95 {p95:.2f}), CPU {cpu:,.0f} us")


def _together(shop: Shop, pipeline: Pipeline, users: Sequence[str]) -> float:
    """Seconds of the lists of some users, from their events on."""
    start = time.perf_counter()
    log = together([folded(shop, {}, user_id, ()) for user_id in users])
    pipeline.recommend(histories_of(interactions(log, shop.config.events), log.users), K)
    return time.perf_counter() - start


def _load(home: Path, n_users: int, n_items: int, seconds: float, remember: int) -> None:
    rng, numbers = np.random.default_rng(2), count()

    def recommend() -> bytes:
        return _request(f"/recommendations/user-{rng.integers(n_users):07d}?k={K}")

    def tell() -> bytes:
        event = {"event_id": f"e{remember}-{next(numbers)}", "user_id": f"user-{rng.integers(n_users):07d}"}
        event = {**event, "event": "view", "item_id": f"item-{rng.integers(n_items):07d}"}
        return _request("/events", {"events": [event]})

    script = SCRIPT.format(k=K, users=n_users)
    serve = ["scripts/serve.py", "--open", "--rate", "0", "--deadline", "30", "--workspace", "shop"]
    serve += ["--remember", str(remember), "--ahead", str(AHEAD if remember else 0)]
    with _started(home, lambda port: [*serve, "--port", str(port)], "/health") as service:
        first = urllib.request.urlopen(f"http://127.0.0.1:{service.port}/recommendations/user-0000001?k={K}").read()
        assert b'"source":"pipeline"' in first, first
        _say_ahead(service, remember)
        constant = ["benchmarks/serve_load.py", "--constant"]
        with _started(home, lambda port: [*constant, str(port), str(len(first))], "/") as bare:
            _measure(service, CLIENTS[1], WARM, recommend, script)
            for clients in CLIENTS:
                of_constant = _measure(bare, clients, seconds, lambda: _request("/"), "")
                of_lists = _measure(service, clients, seconds, recommend, script)
                of_events = asyncio.run(_asked(service, clients, seconds, tell))
                for name, load in (("constant", of_constant), ("lists", of_lists), ("events", of_events)):
                    print(f"{name:<10}{clients:>3} clients {load}")
                share, cpu = of_lists.rate / of_constant.rate, of_constant.cpu / of_lists.cpu
                print(f"{'':<10}lists at {share:.2f} of the constant's throughput, {cpu:.2f} by CPU; ", end="")
                print("load average", " ".join(f"{load:.1f}" for load in os.getloadavg()), flush=True)
        print(_hits(service), flush=True)


def _say_ahead(service: Server, remember: int) -> None:
    """Wait for the lists that the service makes ahead and print what that took."""
    if not remember:
        print("\nlists made anew for each request", flush=True)
        return
    while not (told := re.search(r"made ahead.*", service.log.read_text(encoding="utf-8"))):
        time.sleep(0.5)
    memory = service.process.memory_info().rss / 2**20
    print(
        f"\nremembered lists: {told[0].strip('}')}, {service.cpu:.0f} s of CPU with the start, {memory:.0f} MiB in all"
    )


def _hits(service: Server) -> str:
    text = urllib.request.urlopen(f"http://127.0.0.1:{service.port}/metrics").read().decode()
    return ", ".join(line for line in text.splitlines() if line.startswith("shelfwise_remembered_lists_total"))


def _measure(server: Server, clients: int, seconds: float, make: Callable[[], bytes], script: str) -> Load:
    """The load that clients bring who ask for what `make`, or the script of wrk, says."""
    return _wrk(server, clients, seconds, script) if WRK else asyncio.run(_asked(server, clients, seconds, make))


def _wrk(server: Server, clients: int, seconds: float, script: str) -> Load:
    done = """
    done = function(summary, latency)
      local e = summary.errors
      print(string.format("told %d %d %f %f %f", summary.requests, e.connect + e.read + e.write + e.status + e.timeout,
        latency:percentile(50), latency:percentile(95), latency:percentile(99)))
    end
    """
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script + done)
        file.flush()
        command = [str(WRK), "-t1", f"-c{clients}", f"-d{max(round(seconds), 1)}s", "-s", file.name]
        before, start = server.cpu, time.perf_counter()
        environment = {**os.environ, "SEED": str(clients)}
        address = f"http://127.0.0.1:{server.port}/"
        said = subprocess.run([*command, address], check=True, capture_output=True, text=True, env=environment).stdout
        took, cpu = time.perf_counter() - start, server.cpu - before
    n, failed, *quantiles = (float(part) for part in re.search(r"told (.*)", said)[1].split())
    assert n and not failed, said
    return Load(n / took, *(quantile / 1000 for quantile in quantiles), cpu / n * 1e6)


def _request(path: str, body: object = None) -> bytes:
    data = json.dumps(body).encode() if body is not None else b""
    head = f"{'POST' if data else 'GET'} {path} HTTP/1.1\r\nHost: localhost\r\n"
    more = f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n" if data else ""
    return f"{head}{more}\r\n".encode() + data


async def _asked(server: Server, clients: int, seconds: float, make: Callable[[], bytes]) -> Load:
    """The same by a loop; every answer must be a 200."""
    times: list[float] = []
    before, until = server.cpu, time.perf_counter() + seconds

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
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
    p50, p95, p99 = np.quantile(times, (0.5, 0.95, 0.99)) * 1000
    return Load(len(times) / seconds, p50, p95, p99, (server.cpu - before) / len(times) * 1e6)


@contextmanager
def _started(home: Path, command: Callable[[int], list[str]], path: str) -> Iterator[Server]:
    """A server, which is stopped at the end."""
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
        yield Server(port, psutil.Process(process.pid), home / f"{port}.log")
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
