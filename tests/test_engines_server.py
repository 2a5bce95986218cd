"""The contract of engines on a real Milvus server that asks for credentials, which is killed and started again."""

import random
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from rag.config import DenseSettings, PassageSettings, ScaleSettings, Settings
from rag.errors import EngineError
from rag.index.builds import live_build
from rag.index.contents import Index
from rag.index.engines import milvus as milvus_module
from rag.index.published import load_published
from rag.index.updating import Recipe, update_index
from tests import test_engines
from tests.conftest import ReadHere, WordEmbedder
from tests.milvus_servers import (
    BINARIES,
    MISSING,
    QUICK,
    WHY_MISSING,
    DenseEngine,
    MilvusServers,
    standalone,
    unpacked,
    wait_until,
)
from tests.test_engines import (  # noqa: F401 - the contract
    WORDS,
    build,
    engine_check,
    hits,
    live,
    mixed,
    remote,
    stored_keys,
    test_a_removed_document_leaves_no_row,
    test_a_row_put_back_by_hand_is_not_returned,
    test_hits_equal_those_of_the_local_index,
    test_lost_rows_are_found_and_inserted_again,
    test_two_front_ends_see_the_same_publish,
    test_updates_equal_a_build_from_scratch,
)

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(MISSING), reason=WHY_MISSING)]

OPTIONS = QUICK | {
    "COMMON_SECURITY_AUTHORIZATIONENABLED": "true",
    "COMMON_SESSION_TTL": "5",  # seconds until a killed process counts as gone, instead of 30
    "INDEXCOORD_SEGMENT_MINSEGMENTNUMROWSTOENABLEINDEX": "64",  # instead of 1,024
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[MilvusServers]:
    binaries = unpacked(pytestconfig.cache.mkdir(BINARIES))
    with standalone(tmp_path_factory.mktemp("milvus"), binaries, OPTIONS) as servers:
        yield servers


@pytest.fixture(autouse=True)
def dense_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILVUS_TOKEN", "root:Milvus")
    for module in (milvus_module, test_engines):
        monkeypatch.setattr(module, "MilvusEngine", DenseEngine)


@pytest.fixture
def milvus(server: MilvusServers) -> str:
    return f"milvus://{server.address}"


@pytest.fixture
def engine(milvus: str) -> str:
    return milvus


def test_wrong_credentials_are_named(milvus: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """In one line, and the client prints nothing."""
    for token in ("root:wrong", ""):
        monkeypatch.setenv("MILVUS_TOKEN", token)
        expected = r"^Milvus at 127\.0\.0\.1:\d+ refused: .*; check MILVUS_TOKEN, or MILVUS_USER and MILVUS_PASSWORD$"
        with pytest.raises(EngineError, match=expected):
            DenseEngine(milvus)
    assert capfd.readouterr() == ("", "")


def test_the_recall_of_an_approximate_index_is_measured(milvus: str, tmp_path: Path) -> None:
    """Once for the rows as they were inserted, and again after the server has indexed them with HNSW."""
    settings = Settings(corpus=tmp_path / "corpus", index=tmp_path / "index", scale=ScaleSettings(engine=milvus))
    settings.corpus.mkdir()
    draw = random.Random(4)
    for number in range(20):
        sections = (f"## {' '.join(draw.choices(WORDS, k=2))}\n\n{' '.join(draw.choices(WORDS, k=40))}." for _ in range(15))
        (settings.corpus / f"{number}.md").write_text("# Plants\n\n" + "\n\n".join(sections))
    recipe = Recipe(WordEmbedder(), PassageSettings(), DenseSettings(exact_up_to=50), milvus)
    update_index(ReadHere(settings.corpus), settings.index, recipe)
    published = load_published(live_build(settings.index))
    assert published and published.recall and published.recall >= 0.98
    client = DenseEngine(milvus)._client
    client.flush(published.collection)
    wait_until(lambda: is_indexed(client, published.collection), "the index of the server")
    check = engine_check(settings)
    print(f"recall {published.recall} of {len(live(settings.index, milvus).current().passages)} passages; {check.note}")
    assert check.faults == [] and ", approximate: a search finds " in check.note


def is_indexed(client: Any, collection: str) -> bool:
    """Whether every segment that is searched has an index."""
    segments = client._get_connection().get_query_segment_info(collection)
    return bool(segments) and all(segment.indexID > 0 for segment in segments)


def test_a_kill_of_the_server_loses_no_row_and_restores_none(
    server: MilvusServers, milvus: str, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server and etcd are killed. Until they are back, questions and builds get one line with the address and the time waited."""
    index, folder = remote(corpus, tmp_path / "index", milvus), tmp_path / "index"
    removed = index.live.keys[[*index.rows["faq.txt"]]]
    (corpus / "faq.txt").unlink()
    build(corpus, folder, milvus)
    index = remote(corpus, folder, milvus)
    expected, stored = hits(index, "fern"), stored_keys(folder, milvus)
    server.kill("milvus", "etcd")
    with monkeypatch.context() as patch:
        patch.setattr(milvus_module, "SEARCH_SECONDS", 1)
        patch.setattr(milvus_module, "CALL_SECONDS", 1)
        failed = rf"^Milvus at {server.address} failed, tried for [1-9] seconds: .*; see its log$"
        with pytest.raises(EngineError, match=failed):
            hits(index, "fern")
        with pytest.raises(EngineError, match=failed):
            build(corpus, folder, milvus, full=True)
    server.start("etcd")
    server.start("milvus")
    server.wait("milvus")
    wait_until(lambda: answers(index), "the collection to be loaded again")
    assert hits(index, "fern") == hits(live(folder, milvus).current(), "fern") == expected
    assert stored_keys(folder, milvus) == stored
    assert index.collection.fetch(removed) == {}


def answers(index: Index) -> bool:
    with suppress(EngineError):
        return bool(hits(index, "fern"))
    return False
