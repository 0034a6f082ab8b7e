"""Record a workspace's LLM answers in a file, or take over a recording: python scripts/freeze_answers.py FILE

What an LLM answered stays in the workspace that asked it. This writes those answers to FILE, so that they can be shown
where no LLM is set up; with --load it takes over such a file instead. Wherever a recorded answer is shown, the page
says who gave it and when; with --stand-in it says that a script answered and no model. Seconds.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from engine.errors import DataError
from engine.llm.recorded import MODEL, STAND_IN, load_answers, save_answers
from engine.settings import load_settings
from engine.state import State
from engine.workspace import find_workspace
from scripts.cli import chosen_workspace, parser, run


@run
def main(argv: Sequence[str] | None = None) -> int:
    """Write or read the file, and say how many answers it holds."""
    made = parser(__doc__)
    made.add_argument("file", type=Path, metavar="FILE", help="the recording, a JSON file")
    made.add_argument("--load", action="store_true", help="take over FILE instead of writing it")
    made.add_argument("--stand-in", action="store_true", help="say that a script gave the answers, and no model")
    arguments = made.parse_args(argv)
    workspace = find_workspace(load_settings().home, chosen_workspace(arguments.workspace))
    with State.open(workspace) as state:
        if arguments.load:
            print(f"{load_answers(state, arguments.file):,} recorded answers are in workspace {workspace.name}")
            return 0
        n = save_answers(state, arguments.file, STAND_IN if arguments.stand_in else MODEL)
    if not n:
        raise DataError(f"Workspace {workspace.name} has no answers of its own; ask an LLM first.")
    print(f"{n:,} answers of workspace {workspace.name} are in {arguments.file}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
