"""Download adapters: python scripts/download_lora_models.py --out-dir lora_model [--model-id NAME]

NAME is the repository that holds folders lora_bert_output_…; SHELFWISE_LORA_REPO names it once for all. Each file is
verified by its hash and each folder by reading it; the folders are put in place one by one, at once. A download that
was stopped goes on when it is run again. HF_ENDPOINT names another hub.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence
from pathlib import Path

from engine.errors import SettingsError
from engine.settings import load_hub_settings
from scripts.cli import run


@run
def main(argv: Sequence[str] | None = None) -> int:
    """Download, verify, put in place; say of each adapter where it is and what it still needs."""
    arguments, settings = _parser().parse_args(argv), load_hub_settings()
    repo = arguments.model_id or settings.lora_repo
    if not repo:
        raise SettingsError("Which adapters? Name their repository with --model-id or SHELFWISE_LORA_REPO.")
    from engine.models.download import Hub
    from engine.tags.neural.lora_download import fetch_adapters

    for folder, need in fetch_adapters(
        Hub(settings.endpoint), repo, arguments.out_dir, revision=arguments.revision, replace=arguments.replace
    ):
        print(f"{folder} is there, verified" + (f"; before it can serve: {need}" if need else ""))
    return 0


def _parser() -> ArgumentParser:
    made = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    made.add_argument("--out-dir", required=True, type=Path, metavar="FOLDER", help="where the adapters' folders go")
    made.add_argument("--model-id", metavar="NAME", help="the repository (default: SHELFWISE_LORA_REPO)")
    made.add_argument("--revision", help="a branch, tag or commit (default: the newest)")
    made.add_argument("--replace", action="store_true", help="replace adapters of the same names")
    return made


if __name__ == "__main__":
    sys.exit(main())
