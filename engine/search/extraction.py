"""The keywords of every review of a part: by the embedded extractor, or where a language model was asked, by that."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from engine.artifacts import Card, library_versions, new_version
from engine.llm.client import LlmClient
from engine.llm.prompts import load_prompt
from engine.progress import Progress
from engine.search.asking import Asked, AskOptions, AskReport, Form, OnDone, ask_all
from engine.search.keyword_store import KIND, ReviewKeywords, save_keywords
from engine.search.keywords import Keywords, embedded_keywords, informative
from engine.search.plain_text import line, shortened
from engine.search.review_splits import current_split, review_batches
from engine.search.staging import alone
from engine.state import State
from engine.workspace import Workspace

EMBEDDED = "embedded 1"  # counted up whenever the extractor would say something else
PROMPT, STEP = "extract_keywords", "keywords"
MOST_SHOWN = 2000  # characters of a review that a model is shown
PER_REVIEW, LONGEST = 12, 60  # keywords of one review that are kept from an answer, letters of one
KINDS = ("who", "when", "why")


def ask_keywords(
    workspace: Workspace,
    state: State,
    client: LlmClient,
    part: str,
    *,
    options: AskOptions | None = None,
    on_done: OnDone | None = None,
) -> AskReport:
    """Ask a model for the keywords of each review of `part`, and keep the answers for `extract_keywords`.

    Raises NotBuiltError when the reviews aren't split, StorageError when another process asks here.
    """
    form = Form(PROMPT, "reviews", "reviews", _kept)
    with alone(workspace, STEP):
        things = (_asked(review, client.endpoint.model) for review in _reviews(workspace, part))
        return ask_all(client, form, things, _progress(state, part), options=options or AskOptions(), on_done=on_done)


def extract_keywords(
    workspace: Workspace, part: str, *, model: str | None = None, on_done: OnDone | None = None
) -> Card:
    """Write the keywords of each review of `part` as a new version that serves; memory stays flat.

    model: use what it answered to `ask_keywords`, and the embedded extractor for reviews that it wasn't asked about;
    None: the embedded extractor for all. on_done(n) is called for every n reviews. Raises NotBuiltError when the
    reviews aren't split.
    """
    split = current_split(workspace)
    card = Card(
        kind=KIND,
        name=part,
        version=new_version(),
        config={"maker": f"{load_prompt(PROMPT).id} {model}" if model else EMBEDDED, "otherwise": EMBEDDED},
        data_hash=workspace.data_hash("items", "reviews"),
        split=f"{split.method} {split.hash}",
        seed=split.seed or 0,
        libraries=library_versions("PyStemmer", "duckdb"),
    )
    with State.open(workspace) as state:
        return save_keywords(workspace, card, _extracted(workspace, part, state, model, on_done or (lambda _: None)))


def _extracted(
    workspace: Workspace, part: str, state: State, model: str | None, step: OnDone
) -> Iterator[ReviewKeywords]:
    for batch in review_batches(workspace, current_split(workspace), part):
        reviews = batch.to_pylist()
        asked = [_asked(review, model) for review in reviews] if model else []
        answers = _progress(state, part).results({thing.id: thing.fingerprint for thing in asked})
        for review in reviews:
            answer = answers.get(review["review_id"])
            said = embedded_keywords(review_text(review)) if answer is None else _keywords(answer)
            yield ReviewKeywords(review["review_id"], review["item_id"], said)
        step(len(reviews))


def review_text(review: Mapping[str, Any]) -> str:
    """A review's headline and text, as keywords are made of both."""
    return f"{review['title']}.\n{review['text']}" if review["title"] else str(review["text"])


def _reviews(workspace: Workspace, part: str) -> Iterator[Mapping[str, Any]]:
    for batch in review_batches(workspace, current_split(workspace), part):
        yield from batch.to_pylist()


def _progress(state: State, part: str) -> Progress:
    return Progress(state, f"{STEP} {part}")


def _asked(review: Mapping[str, Any], model: str) -> Asked:
    text = shortened(line(review_text(review)), MOST_SHOWN)
    made_from = "\0".join((load_prompt(PROMPT).id, model, text)).encode("utf-8", "surrogatepass")
    return Asked(review["review_id"], hashlib.sha256(made_from).hexdigest()[:32], [text])


def _kept(entry: Mapping[str, Any]) -> list[str]:
    """An entry of an answer as it is kept, "who: for mom", without what would fit any product."""
    said = [f"{kind}: {line(keyword)}" for kind in KINDS for keyword in _telling(entry[kind], kind)]
    return list(dict.fromkeys(said))[:PER_REVIEW]


def _telling(keywords: Iterable[Any], kind: str) -> Iterator[str]:
    for keyword in map(str, keywords):
        if keyword.strip() and len(keyword) <= LONGEST and (kind != "why" or informative(keyword)):
            yield keyword


def _keywords(kept: Sequence[str]) -> Keywords:
    parts = [entry.split(": ", 1) for entry in kept]
    return Keywords(*(tuple(said for kind, said in parts if kind == wanted) for wanted in KINDS))
