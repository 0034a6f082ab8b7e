"""A version of the pipeline beside the one that serves: over the models that it was measured with."""

import pytest
from recommended import SOURCES, build

from engine.artifacts import ArtifactStore
from engine.errors import ArtifactError, UnknownNameError
from engine.recommending.serving import open_pipeline
from engine.recommending.training import KIND, PIPELINE, train_pipeline


@pytest.fixture(scope="module")
def twice(tmp_path_factory):
    """A workspace whose pipeline was trained twice."""
    workspace = build(tmp_path_factory.mktemp("home"))
    train_pipeline(workspace, SOURCES, seed=2, trials=1)
    return workspace


def test_a_version_is_opened_over_its_own_models(twice):
    store = ArtifactStore(twice)
    first, second = store.versions(KIND, PIPELINE)
    old, _ = store.versions(KIND, "popular")
    open_pipeline(twice, first)
    store.discard(KIND, "popular", old)
    open_pipeline(twice, second)
    open_pipeline(twice)
    with pytest.raises(ArtifactError, match=old):
        open_pipeline(twice, first)


def test_a_version_that_there_is_not_is_named(twice):
    with pytest.raises(UnknownNameError, match="version of the pipeline"):
        open_pipeline(twice, "20010101")
