"""Retrain the recommender each night: one task for each step of scripts/retrain.py, in the project's own environment.

Airflow decides when a step runs and whether it is tried again; what a step does, and whether it is done already, is the
script's. Nothing of the project is imported here. These names are taken from Airflow's variables, else from its
environment:

    shelfwise_project    SHELFWISE_PROJECT    the folder of the project (default: /app)
    shelfwise_python     SHELFWISE_PYTHON     its Python (default: .venv/bin/python in that folder)
    shelfwise_workspace  SHELFWISE_WORKSPACE  the workspace that is retrained (default: demo)
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from airflow.providers.standard.hooks.subprocess import SubprocessHook
from airflow.sdk import DAG, BaseOperator, chain
from airflow.sdk.exceptions import AirflowException, AirflowFailException

STEPS = ("validate", "features", "train", "evaluate", "compare", "promote", "notify")
HOURS = {"train": 6, "evaluate": 2}  # that a step may take; the others one
REFUSED = 3  # how the script ends when the day's data can't be trained on
AGAIN = {"retries": 2, "retry_delay": timedelta(minutes=5), "retry_exponential_backoff": True}
OWN = ("AIRFLOW", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "__PYVENV")
"""How names in Airflow's environment begin that mean nothing to the project's, or that it must not see."""


class RetrainStep(BaseOperator):
    """One step of the retraining that is named after the DAG's run, as a process of the project.

    A refusal of the data fails at once: the same data is refused again. Whatever else goes wrong is tried again, which
    is safe because a step that is done is not done twice. Stopping the task stops the process.
    """

    template_fields = ("project", "python", "workspace", "run")

    def __init__(self, *, step: str, **options: Any) -> None:
        super().__init__(task_id=step, execution_timeout=timedelta(hours=HOURS.get(step, 1)), **options)
        self.step = step
        self.project = _named("project", "/app")
        self.python = _named("python", ".venv/bin/python")
        self.workspace = _named("workspace", "demo")
        self.run = "{{ run_id }}"

    @cached_property
    def hook(self) -> SubprocessHook:
        """What runs the process and can stop it."""
        return SubprocessHook()

    def execute(self, context: Mapping[str, Any]) -> None:
        """Run the step; its output is the task's log."""
        options = ["--workspace", self.workspace, "--run", self.run, "--only", self.step]
        kept = {name: value for name, value in os.environ.items() if not name.startswith(OWN)}
        command = [os.path.join(self.project, self.python), "scripts/retrain.py", *options]  # noqa: PTH118
        ended = self.hook.run_command(command, env={**kept, "PYTHONPATH": self.project}, cwd=self.project)
        if ended.exit_code == REFUSED:
            raise AirflowFailException(f"The data was refused: {ended.output}")
        if ended.exit_code:
            raise AirflowException(f"{self.step} ended with {ended.exit_code}: {ended.output}")

    def on_kill(self) -> None:
        """Stop the process: it leaves everything as it was."""
        self.hook.send_sigterm()


def _named(name: str, default: str) -> str:
    """A template for the Airflow variable, else what the environment says."""
    chosen = os.environ.get(f"SHELFWISE_{name.upper()}", default)
    return f"{{{{ var.value.get('shelfwise_{name}', {chosen!r}) }}}}"


with DAG(
    "shelfwise_retraining",
    description="Check the day's data, train beside what serves, compare, and let the better one serve",
    schedule="0 3 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=12),
    default_args=AGAIN,
    tags=["shelfwise"],
    doc_md=__doc__,
) as dag:
    *steps, notify = [RetrainStep(step=step) for step in STEPS]
    chain(*steps)
    # A teardown runs however the steps before it went, and what becomes of it doesn't count for the DAG's run.
    steps >> notify.as_teardown()
