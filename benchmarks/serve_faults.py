"""What the service loses when it is killed, swapped and flooded: python benchmarks/serve_faults.py [--rounds N]

A small shop, served by scripts/serve.py in two processes.
1. Kills: 16 clients tell events one by one and send each again, with the same id, until it is acknowledged. In each
   round one worker is killed with SIGKILL and comes back, then the whole service, by turns all its processes at once or
   the first of them alone, and it is started again. Then: events told, acknowledged and stored. With --postgres URL,
   all of it once more on PostgreSQL.
2. Hot swap: two versions of the pipeline are promoted by turns while 8 clients ask for lists. Every answer must be 200
   and, to the last item, the list of the version that it names, with its scores (to five digits: a list that is made
   with others is summed in another order than one alone).
3. A burst of 10,000 events, one a request, from 64 clients at once; another client's lists before and meanwhile.
Eight minutes on two cores, two more with PostgreSQL. Exits with 1 when anything is lost, doubled, failed or mixed.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import numpy as np
import psutil
from sqlalchemy import select

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from engine.artifacts import ArtifactStore, Card, new_version
from engine.recommend.pipeline import PipelineConfig
from engine.recommending.shop import open_shop
from engine.recommending.training import KIND, PIPELINE, described, write_config
from engine.serve.storage import EVENTS, Database, database_url
from engine.workspace import Workspace
from tests.running import Served, build_whole, end, serving, start

TELLERS, ASKERS, FLOODERS, BURST = 16, 8, 64, 10_000
WEIGHTS = ({"item_knn": 1.0, "popular": 0.1}, {"item_knn": 0.2, "popular": 1.0})
Right = dict[str, dict[str, list[tuple[str, float]]]]  # the list of each user by each version
LOST = (OSError, asyncio.IncompleteReadError, TimeoutError)


def main(argv: Sequence[str] | None = None) -> int:
    """Try, print, and give 1 when something went wrong."""
    arguments = ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=20, help="of kills, and of swaps")
    arguments.add_argument("--postgres", metavar="URL", help="a database to try the kills on too")
    arguments.add_argument("--only", choices=("kills", "swaps", "burst"), help="(default: all three)")
    chosen = arguments.parse_args(argv)
    wrong = 0
    with tempfile.TemporaryDirectory() as home:
        workspace = build_whole(Path(home))
        if chosen.only in (None, "kills"):
            for url in (None, chosen.postgres) if chosen.postgres else (None,):
                wrong += asyncio.run(_kills(workspace, chosen.rounds, url))
        if chosen.only in (None, "swaps"):
            wrong += asyncio.run(_swaps(workspace, chosen.rounds))
        if chosen.only in (None, "burst"):
            wrong += asyncio.run(_burst(workspace))
    return int(wrong > 0)


class Client:
    """One connection that asks and, after a failure, connects again."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, path: str, body: object = None) -> tuple[int, bytes]:
        """The status and the body of an answer. Raises one of LOST when there is none."""
        try:
            return await asyncio.wait_for(self._ask(path, body), 30)
        except LOST:
            self.close()
            raise

    async def _ask(self, path: str, body: object) -> tuple[int, bytes]:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        data = json.dumps(body).encode() if body is not None else b""
        head = f"{'POST' if data else 'GET'} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        writer.write(f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data)
        lines = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
        length = next(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length"))
        answer = await reader.readexactly(length)
        if b"connection: close" in lines:
            self.close()
        return int(lines[0].split()[1]), answer

    def close(self) -> None:
        """Give the connection up."""
        if self._streams is not None:
            self._streams[1].close()
        self._streams = None


@dataclass
class Told:
    """What clients told, and what they heard. sent: numbers of events; outcomes: by what was acknowledged."""

    run: str
    numbers: count[int] = field(default_factory=count)
    sent: set[int] = field(default_factory=set)
    acknowledged: set[int] = field(default_factory=set)
    outcomes: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    done: bool = False


async def _tell(port: int, told: Told) -> None:
    """Tell one event after the other, each until it is acknowledged."""
    client = Client(port)
    while not told.done:
        number = next(told.numbers)
        told.sent.add(number)
        event = {"event_id": f"{told.run}-{number}", "user_id": f"{told.run}-{number}", "item_id": "SKU-001"}
        while number not in told.acknowledged:
            try:
                status, answer = await client.ask("/events", {"events": [{**event, "event": "view"}]})
            except LOST:
                told.lost += 1
                await asyncio.sleep(0.05)
                continue
            if status == 200:
                told.acknowledged.add(number)
                told.outcomes[json.loads(answer)["outcomes"][0]["outcome"]] += 1
            else:
                told.outcomes[f"answers of {status}"] += 1
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.005)
    client.close()


async def _kills(workspace: Workspace, rounds: int, url: str | None) -> int:
    rng, begun = np.random.default_rng(3), time.perf_counter()
    environment = {"SHELFWISE_DATABASE": url} if url else {}
    served = await asyncio.to_thread(start, workspace, workers=2, **environment)
    told = Told(secrets.token_hex(4))
    tellers = [asyncio.create_task(_tell(served.port, told)) for _ in range(TELLERS)]
    try:
        for number in range(rounds):
            await asyncio.sleep(float(rng.uniform(0.2, 0.8)))
            served.workers()[int(rng.integers(2))].kill()
            await asyncio.to_thread(served.wait_ready, 2)
            await asyncio.sleep(float(rng.uniform(0.2, 0.8)))
            await asyncio.to_thread(_kill, served, alone=number % 2 == 1)
            served = await asyncio.to_thread(start, workspace, workers=2, port=served.port, **environment)
        told.done = True
        await asyncio.wait_for(asyncio.gather(*tellers), 60)
        served.process.terminate()
        await asyncio.to_thread(served.process.wait, 60)
    finally:
        for teller in tellers:
            teller.cancel()
        end(served)
    return _say_kills(workspace, rounds, url, told, time.perf_counter() - begun)


def _kill(served: Served, *, alone: bool) -> None:
    """All processes at once; alone: the first, whose workers then end by themselves."""
    workers = served.workers()
    if not alone:
        end(served)
        return
    served.process.kill()
    served.process.wait()
    _, left = psutil.wait_procs(workers, timeout=30)
    assert not left, "workers outlive the process that looks after them"


def _say_kills(workspace: Workspace, rounds: int, url: str | None, told: Told, seconds: float) -> int:
    database = Database(database_url(workspace.path, url))
    with database.begin() as connection:
        asked = select(EVENTS.c.user_id).where(EVENTS.c.event_id.startswith(told.run))
        users = [int(user.split("-")[1]) for user in connection.execute(asked).scalars()]
    database.close()
    lost, doubled = told.acknowledged - set(users), len(users) - len(set(users))
    print(
        f"{rounds} workers and {rounds} services killed on {'PostgreSQL' if url else 'SQLite'} in {seconds:.0f} s: "
        f"{len(told.sent):,} events told, {len(told.acknowledged):,} acknowledged ({dict(told.outcomes)}), "
        f"{told.lost:,} requests without an answer; {len(users):,} stored, {len(lost)} lost, {doubled} doubled, "
        f"{len(set(users) - told.sent)} never told",
        flush=True,
    )
    return len(lost) + doubled + len(told.sent ^ told.acknowledged) + len(told.sent ^ set(users))


def _version(workspace: Workspace, weights: dict[str, float]) -> str:
    config, version = PipelineConfig(weights), new_version()
    shop = described(open_shop(workspace).config, config)
    card = Card(KIND, PIPELINE, version, config=shop, data_hash=workspace.data_hash(), split="", seed=1)
    ArtifactStore(workspace).save(card, lambda folder: write_config(folder, config))
    return version


async def _swaps(workspace: Workspace, rounds: int) -> int:
    versions = [_version(workspace, weights) for weights in WEIGHTS]
    users = [f"U-{number:02d}" for number in range(40)]
    store, answers, done = ArtifactStore(workspace), [], asyncio.Event()
    with serving(workspace, "--deadline", "20", workers=2) as served:
        right: Right = {}
        for version in reversed(versions):
            store.promote(KIND, PIPELINE, version)
            await _served_by_all(served.port, version)
            client = Client(served.port)
            right[version] = {user: _list((await client.ask(f"/recommendations/{user}"))[1]) for user in users}
            client.close()

        async def ask(place: int) -> None:
            client, rng = Client(served.port), np.random.default_rng(place)
            while not done.is_set():
                user = users[int(rng.integers(len(users)))]
                try:
                    answers.append((user, *await client.ask(f"/recommendations/{user}")))
                except LOST as error:
                    answers.append((user, 0, type(error).__name__.encode()))

        askers = [asyncio.create_task(ask(place)) for place in range(ASKERS)]
        for number in range(rounds):
            store.promote(KIND, PIPELINE, versions[(number + 1) % 2])
            await _served_by_all(served.port, versions[(number + 1) % 2])
        done.set()
        await asyncio.gather(*askers)
    return _say_swaps(rounds, answers, right)


async def _served_by_all(port: int, version: str) -> None:
    """Wait until whichever process answers serves `version`: twenty new connections in a row say so."""
    alike = 0
    async with asyncio.timeout(60):
        while alike < 20:
            client = Client(port)
            _, answer = await client.ask("/version")
            client.close()
            alike = alike + 1 if json.loads(answer)["models"]["recommendations"] == version else 0
            await asyncio.sleep(0.01)


def _list(answer: bytes) -> list[tuple[str, float]]:
    return [(item["item_id"], item["score"]) for item in json.loads(answer)["items"]]


def _same(one: list[tuple[str, float]], other: list[tuple[str, float]]) -> bool:
    ids = [item_id for item_id, _ in one] == [item_id for item_id, _ in other]
    return ids and np.allclose([score for _, score in one], [score for _, score in other], rtol=1e-5)


def _say_swaps(rounds: int, answers: list[tuple[str, int, bytes]], right: Right) -> int:
    failed = [answer for _, status, answer in answers if status != 200]
    told = [(user, json.loads(answer)["model"], _list(answer)) for user, status, answer in answers if status == 200]
    models = Counter(model for _, model, _ in told)
    mixed = sum(model not in right or not _same(found, right[model][user]) for user, model, found in told)
    one, other = right.values()
    differ = sum(not _same(one[user], other[user]) for user in one)
    print(
        f"{rounds} swaps: {len(answers):,} answers, {len(failed)} failed, {mixed} mixed; by version "
        f"{sorted(models.values())}; the two versions differ for {differ} of 40 users",
        flush=True,
    )
    return len(failed) + mixed + (len(models) != 2)


async def _burst(workspace: Workspace) -> int:
    told, times, quiet = Told(secrets.token_hex(4)), [], []
    with serving(workspace, workers=2) as served:

        async def look(into: list[float], until: asyncio.Event) -> None:
            client = Client(served.port)
            for number in count():
                if until.is_set():
                    return
                begun = time.perf_counter()
                status, answer = await client.ask(f"/recommendations/U-{number % 40:02d}")
                assert status == 200, answer
                into.append((time.perf_counter() - begun) * 1000)
                await asyncio.sleep(0.01)

        async def flood() -> None:
            client = Client(served.port)
            while (number := next(told.numbers)) < BURST:
                event = {"event_id": f"{told.run}-{number}", "user_id": f"{told.run}-{number}", "event": "view"}
                status, _ = await client.ask("/events", {"events": [{**event, "item_id": "SKU-001"}]})
                told.outcomes[str(status)] += 1
            client.close()

        over = asyncio.Event()
        looking = asyncio.create_task(look(quiet, over))
        await asyncio.sleep(3)
        over.set()
        await looking
        over = asyncio.Event()
        looking, begun = asyncio.create_task(look(times, over)), time.perf_counter()
        await asyncio.gather(*(flood() for _ in range(FLOODERS)))
        seconds = time.perf_counter() - begun
        over.set()
        with suppress(*LOST):
            await looking
    return _say_burst(workspace, told, seconds, quiet, times)


def _say_burst(workspace: Workspace, told: Told, seconds: float, quiet: list[float], times: list[float]) -> int:
    database = Database(database_url(workspace.path))
    with database.begin() as connection:
        stored = len(connection.execute(select(EVENTS.c.event_id).where(EVENTS.c.event_id.startswith(told.run))).all())
    database.close()
    print(
        f"{BURST:,} events in {seconds:.1f} s ({BURST / seconds:,.0f}/s, answers {dict(told.outcomes)}), "
        f"{stored:,} stored; lists of another client: p50 {np.quantile(quiet, 0.5):.1f} p99 "
        f"{np.quantile(quiet, 0.99):.1f} ms before, p50 {np.quantile(times, 0.5):.1f} p99 "
        f"{np.quantile(times, 0.99):.1f} max {max(times):.1f} ms meanwhile ({len(times)} lists)",
        flush=True,
    )
    return (stored != BURST) + (told.outcomes["200"] != BURST)


if __name__ == "__main__":
    sys.exit(main())
