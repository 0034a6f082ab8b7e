"""Who may ask what: keys of which only a hash is kept, each with scopes, and how often each may ask.

A key is "shw_ID_SECRET" with 256 random bits, so one round of SHA-256 hides it as well as many would.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from threading import Lock

from sqlalchemy import select, update

from engine.errors import SettingsError, UnknownNameError
from engine.serve.storage import KEYS, Database

PREFIX = "shw"
SCOPES = {
    "read": "recommendations, similar items, tags and search",
    "events": "tell what users did",
    "metrics": "read what Prometheus reads",
}
MOST_REMEMBERED = 10_000
TRUSTED = 3_600.0  # seconds that a key goes on opening while the database can't say whether it was withdrawn


@dataclass(frozen=True)
class Caller:
    """Whoever holds a key. key_id: its public part, which the log may have."""

    key_id: str
    name: str
    scopes: frozenset[str]


@dataclass(frozen=True)
class _Known:
    """Who holds a key, None: nobody. told: when the database said so; until: how long it isn't asked again."""

    told: float
    until: float
    caller: Caller | None


class Keys:
    """The keys of one database. remember: seconds that an answer of the database holds."""

    def __init__(self, database: Database, *, remember: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._database, self._remember, self._clock = database, remember, clock
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._lock = Lock()

    def make(self, name: str, scopes: Collection[str]) -> str:
        """A new key, shown this once. Raises UnknownNameError for a scope there isn't, SettingsError without any."""
        for scope in scopes:
            if scope not in SCOPES:
                raise UnknownNameError("scope of a key", scope, SCOPES)
        if not scopes or not name.strip():
            raise SettingsError("A key needs a name and at least one scope.")
        key_id, secret = secrets.token_hex(8), secrets.token_hex(32)
        row = {"key_id": key_id, "name": name.strip(), "digest": _digest(secret), "scopes": " ".join(sorted(scopes))}
        with self._database.begin() as connection:
            connection.execute(KEYS.insert().values(**row, made=time.time_ns() // 1000))
        return f"{PREFIX}_{key_id}_{secret}"

    def withdraw(self, key_id: str) -> None:
        """Let a key open nothing any more. Raises UnknownNameError when there is no such key."""
        with self._database.begin() as connection:
            change = update(KEYS).where(KEYS.c.key_id == key_id).values(withdrawn=time.time_ns() // 1000)
            if not connection.execute(change).rowcount:
                raise UnknownNameError("key", key_id, connection.execute(select(KEYS.c.key_id)).scalars())

    def list(self) -> list[Caller]:
        """The keys that work, by name."""
        asked = select(KEYS.c.key_id, KEYS.c.name, KEYS.c.scopes).where(KEYS.c.withdrawn.is_(None))
        with self._database.begin() as connection:
            rows = connection.execute(asked.order_by(KEYS.c.name, KEYS.c.key_id)).all()
        return [Caller(key_id, name, frozenset(scopes.split())) for key_id, name, scopes in rows]

    def remembered(self, key: str) -> Caller | None:
        """The holder of `key` by what the database said lately. Raises LookupError when it must be asked (`find`)."""
        with self._lock:
            known = self._known[_digest(key)]
        if known.until < self._clock():
            raise LookupError(key[: len(PREFIX)])
        return known.caller

    def trusted(self, key: str) -> Caller | None:
        """The holder of `key` by what the database said within the last hour, for when it says nothing more.

        None for a key that it didn't know, or was never asked about.
        """
        with self._lock:
            known = self._known.get(_digest(key))
        return known.caller if known and known.told + TRUSTED >= self._clock() else None

    def trust(self, key: str) -> None:
        """Ask the database again about this key only after a while, as if it had answered."""
        with self._lock:
            digest = _digest(key)
            if digest in self._known:
                self._known[digest] = replace(self._known[digest], until=self._clock() + self._remember)

    def find(self, key: str) -> Caller | None:
        """The holder of `key`, None for a key that opens nothing. Raises StorageError when the database is gone."""
        caller = self._find(key)
        with self._lock:
            now = self._clock()
            self._known[_digest(key)] = _Known(now, now + self._remember, caller)
            while len(self._known) > MOST_REMEMBERED:
                self._known.popitem(last=False)
        return caller

    def _find(self, key: str) -> Caller | None:
        prefix, _, rest = key.partition("_")
        key_id, _, secret = rest.partition("_")
        if prefix != PREFIX or not key_id.isalnum() or not key.isascii() or not secret:
            return None
        asked = select(KEYS.c.name, KEYS.c.digest, KEYS.c.scopes)
        with self._database.begin() as connection:
            row = connection.execute(asked.where(KEYS.c.key_id == key_id, KEYS.c.withdrawn.is_(None))).one_or_none()
        if row is None or not hmac.compare_digest(row.digest, _digest(secret)):
            return None
        return Caller(key_id, row.name, frozenset(row.scopes.split()))


class Limits:
    """How often each caller may ask: a bucket of `burst` tokens that fills with `rate` a second. 0: no limit."""

    def __init__(self, rate: float, burst: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate, float(burst), clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = Lock()

    def wait(self, caller: str) -> float:
        """Take a token: 0 when there was one, else the seconds until there is."""
        if not self._rate:
            return 0.0
        with self._lock:
            now = self._clock()
            left, since = self._buckets.pop(caller, (self._burst, now))
            left = min(self._burst, left + (now - since) * self._rate)
            allowed = left >= 1
            self._buckets[caller] = (left - 1 if allowed else left, now)
            while len(self._buckets) > MOST_REMEMBERED:
                self._buckets.popitem(last=False)
            return 0.0 if allowed else (1 - left) / self._rate


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
