"""Downloads from a hub of Hugging Face's kind: resumed, verified by hash and by loading, then put in place at once.

Files come from one commit into a hidden folder beside the target. A download that was cut goes on there when it is run
again. Only data is taken: JSON, tokenizers and safetensors, never a pickle or code.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any

import httpx2
from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError

from engine.atomic import atomic_path, remove, sha256, storage_errors
from engine.errors import ArtifactError, shown

DATA = ("*.json", "*.safetensors", "*.txt", "*.model")  # file names in any folder
MOST_BYTES = 50 * 2**30
TRIES = 3
Check = Callable[[Path], object]


@dataclass(frozen=True)
class HubFile:
    """A file of a repository: its path, its size in bytes, and its SHA-256 or, of a small file, the hash of git."""

    path: str
    size: int
    sha256: str | None
    blob: str | None

    def matches(self, file: Path) -> bool:
        """Whether `file` holds exactly these bytes."""
        if not file.is_file() or file.stat().st_size != self.size:
            return False
        return sha256(file) == self.sha256 if self.sha256 else git_hash(file) == self.blob


@dataclass(frozen=True)
class Hub:
    """Where models come from: `endpoint` is a hub's address, None the library's own."""

    endpoint: str | None = None

    def files(self, repo: str, revision: str | None, wanted: Sequence[str] = DATA) -> tuple[str, list[HubFile]]:
        """The commit that `revision` (None: the newest) names, and those of its files whose path fits `wanted`.

        Raises ArtifactError when the hub or the repository can't be read, or a path would leave the folder.
        """
        try:
            info = HfApi(endpoint=self.endpoint).model_info(repo, revision=revision, files_metadata=True)
        except (HfHubHTTPError, HFValidationError, httpx2.HTTPError, OSError) as error:
            raise ArtifactError(f"The files of {shown(repo)} can't be listed ({_first_line(error)}).") from None
        files = [_file(one) for one in info.siblings or [] if any(fnmatch(one.rfilename, glob) for glob in wanted)]
        for file in files:
            path = PurePosixPath(file.path)
            if path.is_absolute() or ".." in path.parts or "\\" in file.path:
                raise ArtifactError(f"{shown(repo)} has a file {shown(file.path)}, which would leave its folder.")
        return str(info.sha), files

    def fetch(self, repo: str, target: Path, check: Check, *, revision: str | None = None) -> Path:
        """Download the data files of `repo` to the new folder `target`, after `check(folder)` has accepted them.

        Raises ArtifactError when `target` is taken, files can't be had or don't match their hashes; what was got so
        far is kept, except a file whose bytes are wrong.
        """
        if target.exists():
            raise ArtifactError(f"{target} is there already; remove it or choose another folder.")
        commit, files = self.files(repo, revision)
        if not any(file.path.endswith(".safetensors") for file in files):
            way_out = "choose a revision that has some with --revision, or another model"
            raise ArtifactError(f"{shown(repo)} has no safetensors, and weights as pickles are never read; {way_out}.")
        staging = self.collect(repo, commit, files, staging_of(target))
        check(staging)
        remove(staging / ".cache")
        with atomic_path(target) as place:
            staging.replace(place)
        return target

    def collect(self, repo: str, commit: str, files: Sequence[HubFile], staging: Path) -> Path:
        """Get `files` of `commit` into `staging`, each verified by its hash; those that are there already stay."""
        with storage_errors(staging):
            staging.mkdir(parents=True, exist_ok=True)
            _check_space(staging, files)
            for file in files:
                self._get(repo, commit, file, staging)
        return staging

    def _get(self, repo: str, commit: str, file: HubFile, staging: Path) -> None:
        problem = "its bytes don't match its hash"
        for _ in range(TRIES):
            if file.matches(staging / file.path):
                return
            remove(staging / file.path)
            try:
                hf_hub_download(repo, file.path, revision=commit, local_dir=staging, endpoint=self.endpoint)
                problem = "its bytes don't match its hash"
            except (HfHubHTTPError, httpx2.HTTPError) as error:
                problem = _first_line(error)
            except OSError as error:
                if error.errno is not None:
                    raise
                problem = _first_line(error)
        if not file.matches(staging / file.path):
            remove(staging / file.path)
            raise ArtifactError(
                f"{file.path} of {shown(repo)} couldn't be downloaded in {TRIES} tries ({problem}); run it again to "
                "go on where it stopped."
            )


def staging_of(target: Path) -> Path:
    """The hidden folder beside `target` where a download is put together."""
    return target.with_name(f".downloading-{target.name}")


def git_hash(file: Path) -> str:
    """The hash by which git names a file's bytes."""
    data = file.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def _file(sibling: Any) -> HubFile:
    large = sibling.lfs
    return HubFile(sibling.rfilename, int(sibling.size or 0), large.sha256 if large else None, sibling.blob_id)


def _check_space(staging: Path, files: Sequence[HubFile]) -> None:
    missing = sum(file.size for file in files if not file.matches(staging / file.path))
    free = min(shutil.disk_usage(staging).free, MOST_BYTES)
    if missing > free:
        raise ArtifactError(f"{missing / 2**30:,.1f} GB are to be downloaded, and at most {free / 2**30:,.1f} GB fit.")


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
