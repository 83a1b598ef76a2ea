"""Puts this folder on the import path, so that every test can ``import clips``; keeps the user's cache out of it."""

import pytest


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACECROP_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
