"""What each stage of ranking says, into a file beside what it made."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.atomic import storage_errors
from engine.errors import SettingsError
from engine.ranking.config import Logging, RankingConfig
from engine.workspace import Workspace

NAME = "engine.ranking"  # of the logger that all stages use
FOLDER = "ranking"  # in a workspace


def output_folder(workspace: Workspace, config: RankingConfig) -> Path:
    """Where predictions, pictures and the log go."""
    return config.output.folder or workspace.path / FOLDER


@contextmanager
def logged(folder: Path, config: Logging) -> Iterator[Path]:
    """Add what is logged meanwhile to a file in `folder`; its path.

    Raises SettingsError when the file's name leads elsewhere, StorageError when it can't be written.
    """
    if config.file != Path(config.file).name or not config.file:
        raise SettingsError(f"logging.file is {config.file!r}; give a file's name without a folder.")
    path, logger = folder / config.file, logging.getLogger(NAME)
    with storage_errors(path):
        folder.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    before = logger.level
    logger.setLevel(config.level.upper())
    logger.addHandler(handler)
    try:
        yield path
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
        handler.close()
