"""What every script shares: how errors end it, and the options that all of them take."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps

from engine.errors import SettingsError, ShelfwiseError
from engine.settings import load_settings

BAD_INPUT, INTERRUPTED = 2, 130
Main = Callable[[Sequence[str] | None], int]
Report = Callable[[float, str], None]  # the share that is done, and what is being done


def run(main: Main) -> Callable[..., int]:
    """Decorate a script's `main(argv)`: errors meant for people become one line on stderr and an exit code.

    A ShelfwiseError gives 2, Ctrl-C gives 130; anything else is a bug and keeps its traceback.
    """

    @wraps(main)
    def wrapped(argv: Sequence[str] | None = None) -> int:
        try:
            return main(argv)
        except ShelfwiseError as error:
            print(" ".join(str(error).splitlines()), file=sys.stderr)
            return BAD_INPUT
        except KeyboardInterrupt:
            print("Interrupted; what was there before is unchanged.", file=sys.stderr)
            return INTERRUPTED

    return wrapped


def parser(about: str | None, *, names_workspace: bool = False) -> ArgumentParser:
    """An argument parser that shows `about` (the script's docstring) as it is, with the common `--workspace`.

    names_workspace: whether the workspace must be named, because the script replaces what is in it.
    """
    made = ArgumentParser(description=about, formatter_class=RawDescriptionHelpFormatter)
    default = "" if names_workspace else " (default: SHELFWISE_WORKSPACE or demo)"
    made.add_argument("--workspace", metavar="NAME", required=names_workspace, help=f"the workspace to use{default}")
    return made


def chosen_seed(seed: int | None) -> int:
    """The seed: the one given with --seed, else the configured one. Raises SettingsError for a negative one."""
    if seed is not None and seed < 0:
        raise SettingsError(f"--seed is {seed}; it must be 0 or more.")
    return load_settings().seed if seed is None else seed


def chosen_workspace(name: str | None) -> str:
    """The workspace's name: the one given, else the configured one."""
    return load_settings().workspace if name is None else name


@contextmanager
def progress(*, leave: bool = True) -> Iterator[Report]:
    """A bar on stderr that is told the share done and what is being done; `leave`: it stays there at the end."""
    from tqdm import tqdm

    layout = "{desc:<40}{percentage:3.0f}% |{bar}| {elapsed}"
    with tqdm(total=100, file=sys.stderr, bar_format=layout, disable=None, leave=leave) as bar:

        def show(share: float, step: str) -> None:
            bar.set_description_str(step[:40], refresh=False)
            bar.update(100 * share - bar.n)

        yield show
