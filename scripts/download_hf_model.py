"""Download a base model: python scripts/download_hf_model.py --model-id NAME --local-dir hf_models/NAME

Takes the model's JSON, tokenizer and safetensors of one commit, verifies each file by its hash and the whole by loading
it, and puts the folder in place at once. A download that was stopped goes on when it is run again. HF_ENDPOINT names
another hub.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence
from pathlib import Path

from engine.settings import load_hub_settings
from scripts.cli import run


@run
def main(argv: Sequence[str] | None = None) -> int:
    """Download, verify, load, say where it is."""
    arguments = _parser().parse_args(argv)
    from engine.models.base_models import check_model
    from engine.models.download import Hub

    hub = Hub(load_hub_settings().endpoint)
    place = hub.fetch(arguments.model_id, arguments.local_dir, check_model, revision=arguments.revision)
    print(f"{arguments.model_id} is in {place}, verified and loaded once")
    return 0


def _parser() -> ArgumentParser:
    made = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    made.add_argument("--model-id", required=True, metavar="NAME", help="such as deepvk/user-bge-m3")
    made.add_argument("--local-dir", required=True, type=Path, metavar="FOLDER", help="where it goes; must be free")
    made.add_argument("--revision", help="a branch, tag or commit (default: the newest)")
    return made


if __name__ == "__main__":
    sys.exit(main())
