"""What the service is told when it starts."""

from __future__ import annotations

from dataclasses import dataclass, fields

from engine.errors import SettingsError

USUAL_K, MOST_K = 10, 100  # items of a list that asks for no other number, and of the longest
MOST_TEXT = 256  # characters of an id
MOST_QUERY = 500  # characters of a query


@dataclass(frozen=True)
class ServeConfig:
    """How one process of the service behaves.

    deadline:   seconds after which popular items are the answer; search_deadline: the same of a search, which may
                read its query with a language model; store_deadline: seconds that a write of events may wait for the
                database before the client is told to send them again; body_deadline: seconds that a whole body may take
    threads:    answers made at once; more wait their turn, and their deadline runs meanwhile
    refresh:    seconds between looks at the CURRENT pointers; retry: seconds until a version that failed is tried again
    most_body:  bytes of a request; most_events: events of one request
    skew:       seconds that a client's clock may be ahead; later times become the service's own
    late:       seconds after which an event is counted as late; it is stored all the same
    rate, burst: requests a second that one key may go on with, and at once; of each process, 0: no limit
    remember:   lists that are kept for whoever asks again, of one process, about 500 bytes each; 0: none
    ahead:      share of a core that makes lists of known users before they ask, after a version begins to serve as
                long as there is room, and after their events; 0: none
    keys_for:   seconds that a key is remembered, so that one withdrawn works no longer than that
    open:       whether requests need no key
    """

    deadline: float = 0.5
    search_deadline: float = 2.0
    store_deadline: float = 5.0
    body_deadline: float = 20.0
    threads: int = 4
    refresh: float = 5.0
    retry: float = 60.0
    most_body: int = 1_000_000
    most_events: int = 1_000
    skew: float = 300.0
    late: float = 86_400.0
    rate: float = 100.0
    burst: int = 200
    remember: int = 100_000
    ahead: float = 0.2
    keys_for: float = 10.0
    open: bool = False

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in ("rate", "remember", "ahead") and value == 0:
                continue
            if field.name != "open" and not 0 < value < float("inf"):
                raise SettingsError(f"{field.name} of the service is {value}; it must be above 0 and finite.")
        if self.ahead >= 1:
            raise SettingsError(f"ahead of the service is {self.ahead}; it must be below 1, a share of one core.")
