"""The process that looks after several that answer: one that was killed is started again at once."""

from __future__ import annotations

from uvicorn.supervisors import Multiprocess


class Supervisor(Multiprocess):
    """uvicorn's own, which notices a worker's death at any time.

    It asks each worker through a pipe whether it lives, and waits for the answer. It keeps the worker's end of that
    pipe open itself, so that one killed before it can answer, while it starts, isn't missed until the wait is over; and
    meanwhile no other one is looked after, nor any signal heard.
    """

    def keep_subprocess_alive(self) -> None:
        """Start again what has died. All workers were started by now and have their own ends of their pipes."""
        for worker in self.processes:
            worker.child_conn.close()
        super().keep_subprocess_alive()
