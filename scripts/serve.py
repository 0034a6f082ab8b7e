"""Serve a workspace over HTTP: python scripts/serve.py [--workers N] [--workspace NAME]

Recommendations, similar items, tags, search, and events that count at once; /docs shows all of it. New versions serve
as soon as they are promoted, without a restart. Callers need a key, which scripts/api_keys.py makes; --open lets
everybody on this machine ask without one. Events lie in service.sqlite of the workspace, or in the PostgreSQL of
SHELFWISE_DATABASE. Ctrl-C or SIGTERM: no new requests, those under way are answered, then it ends.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path
from threading import Thread, Timer
from typing import TYPE_CHECKING

from engine.errors import MissingExtraError, SettingsError
from engine.serve.config import ServeConfig
from engine.settings import load_database_url, load_metrics_folder, load_settings, share_metrics
from engine.workspace import find_workspace
from scripts.cli import chosen_workspace, parser, run

if TYPE_CHECKING:
    from fastapi import FastAPI


GRACE = 30  # seconds that requests under way may take after SIGTERM
HUNG = 20  # seconds after which a worker that gives no sign of life is killed and started again
MOST_WORKERS = 64


@run
def main(argv: Sequence[str] | None = None) -> int:
    """Serve until told to stop."""
    for module in ("fastapi", "httptools", "uvicorn", "prometheus_client", "sqlalchemy"):
        if find_spec(module) is None:
            raise MissingExtraError("The service", module, "ops")
    arguments = _parser().parse_args(argv)
    _check(arguments)
    workspace = find_workspace(load_settings().home, chosen_workspace(arguments.workspace))
    if arguments.workers == 1:
        return _serve(arguments, workspace.path)
    with tempfile.TemporaryDirectory(prefix="shelfwise-metrics-", dir=_memory()) as folder:
        share_metrics(Path(folder))  # a scrape reaches one process and must tell of all
        return _serve(arguments, workspace.path)


def _serve(arguments: Namespace, workspace: Path) -> int:
    from uvicorn import Config, Server

    from engine.serve.config import ServeConfig
    from engine.serve.connections import Connection
    from engine.serve.storage import Database, database_url
    from engine.serve.supervisor import Supervisor

    names = ("open", "deadline", "rate", "remember", "ahead")
    url, config = load_database_url(), ServeConfig(**{name: getattr(arguments, name) for name in names})
    database = Database(database_url(workspace, url), wait=config.store_deadline)
    database.create()
    database.close()
    serving = Config(
        partial(_app, workspace, config, url),
        factory=True,
        http=Connection,
        ws="none",
        host=arguments.host,
        port=arguments.port,
        workers=arguments.workers,
        access_log=False,  # it would hold the ids of users
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=GRACE,
        timeout_worker_healthcheck=HUNG,
    )
    print(f"Serving {workspace.name} at http://{arguments.host}:{arguments.port}, see /docs", file=sys.stderr)
    if arguments.workers == 1:
        server = Server(serving)
        server.run()
        return 0 if server.started else 1
    Supervisor(serving, sockets=[serving.bind_socket()]).run()
    return 0


def _memory() -> str | None:
    """Where files lie in memory, None where there is no such place: the figures that processes share are memory-mapped,
    and a full disk under them would kill each process that counts something new."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def _app(workspace: Path, config: ServeConfig, url: str | None) -> FastAPI:
    """The app of one process, which ends when the process that looks after it was killed and can't tell it to."""
    from engine.serve.app import create_app

    if parent := multiprocessing.parent_process():

        def end() -> None:
            parent.join()
            shutil.rmtree(load_metrics_folder() or "", ignore_errors=True)  # it can't do that any more either
            os.kill(os.getpid(), signal.SIGTERM)

        Thread(target=end, name="parent", daemon=True).start()
    return create_app(workspace, config, database=url, tables=False, ending=_end_in_time)


def _end_in_time() -> None:
    """End by force when a database or a disk that doesn't answer any more keeps this process from ending."""
    last = Timer(GRACE, os._exit, [1])
    last.daemon = True
    last.start()


def _parser() -> ArgumentParser:
    made = parser(__doc__)
    made.add_argument("--host", default="127.0.0.1", help="the address to listen at (default: this machine only)")
    made.add_argument("--port", type=int, default=8600, help="(default: 8600)")
    made.add_argument("--workers", type=int, default=1, metavar="N", help="processes that answer (default: 1)")
    made.add_argument("--open", action="store_true", help="nobody needs a key; only at an address of this machine")
    made.add_argument(
        "--deadline", type=float, default=0.5, metavar="S", help="seconds until popular items answer (default: 0.5)"
    )
    made.add_argument(
        "--rate", type=float, default=100, metavar="N", help="requests a second of one key and process (0: no limit)"
    )
    made.add_argument(
        "--remember",
        type=int,
        default=ServeConfig.remember,
        metavar="N",
        help=f"lists that each process keeps for whoever asks again (default: {ServeConfig.remember:,}; 0: none)",
    )
    made.add_argument(
        "--ahead",
        type=float,
        default=ServeConfig.ahead,
        metavar="SHARE",
        help=f"share of a core that makes lists before they are asked for (default: {ServeConfig.ahead}; 0: none)",
    )
    return made


def _check(arguments: Namespace) -> None:
    if not 1 <= arguments.workers <= MOST_WORKERS:
        raise SettingsError(f"--workers is {arguments.workers}; it must be from 1 to {MOST_WORKERS}.")
    if not 1 <= arguments.port <= 65535:
        raise SettingsError(f"--port is {arguments.port}; it must be from 1 to 65535.")
    if arguments.open and not _local(arguments.host):
        raise SettingsError(f"--open is for this machine only, and --host is {arguments.host}; make keys instead.")


def _local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


if __name__ == "__main__":
    sys.exit(main())
