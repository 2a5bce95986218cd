"""One contract for every engine: the hits of the local index, updates, removal, and what a failing engine leaves."""

import random
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rag.config import DenseSettings, PassageSettings, RetrievalSettings, Settings
from rag.errors import EngineError
from rag.index.build_files import FILES, VECTORS
from rag.index.builds import live_build, previous_build
from rag.index.changes import CHANGES
from rag.index.contents import Index
from rag.index.corpus_edits import restore_previous
from rag.index.doctor import Check, examine
from rag.index.engines.milvus import MilvusCollection, MilvusEngine
from rag.index.engines.protocol import PassageTerms, Row
from rag.index.live_index import LiveIndex
from rag.index.local_index import LocalIndex
from rag.index.published import CATALOGUE, PUBLISHED_FILES, ROW_KEYS, load_published
from rag.index.publishing import PREFIX_FILE
from rag.index.remote_index import RemoteIndex
from rag.index.updating import Recipe, update_index
from rag.library import Library
from rag.records import Hit
from rag.retrieval import WeightedQuery, retrieve, retrieve_of_each, retrieve_together
from rag.storage.arrays import map_array, save_array
from tests.conftest import ReadHere, WordEmbedder, index_of, stop_milvus

SETTINGS = RetrievalSettings()
WORDS = "damp soil fern moss shade water frond stone light root leaf spore".split()
QUERIES = [
    "How often should I repot a fern?",
    "damp soil",
    "Fern 7 drinks",
    "bracken height",
    "the",
    "",
    "xyzzy",
    "fern fern water",
]


@pytest.fixture(scope="module")
def milvus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The engine that needs no server; one for all tests, because it takes seconds to start."""
    if find_spec("milvus_lite") is None:
        pytest.skip("needs the extra quoted-answers[milvus]")
    file = tmp_path_factory.mktemp("milvus") / "engine.db"
    yield f"milvus+file:{file}"
    stop_milvus()


@pytest.fixture(params=["local", "milvus"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue("milvus")) if request.param == "milvus" else "local"


def build(corpus: Path, folder: Path, engine: str, **named: Any) -> None:
    update_index(ReadHere(corpus), folder, Recipe(WordEmbedder(), PassageSettings(), engine=engine), **named)


def live(folder: Path, engine: str) -> LiveIndex:
    return LiveIndex(folder, PassageSettings(), WordEmbedder(), engine=engine)


def built(corpus: Path, folder: Path, engine: str, **named: Any) -> Index:
    build(corpus, folder, engine, **named)
    return live(folder, engine).current()


def remote(corpus: Path, folder: Path, engine: str) -> RemoteIndex:
    index = built(corpus, folder, engine)
    assert isinstance(index, RemoteIndex)
    return index


def hits(index: Index, query: str, settings: RetrievalSettings = SETTINGS, **options: Any) -> list[Hit]:
    return retrieve(index, query, WordEmbedder().embed_query(query), settings, **options)


def stored_keys(folder: Path, engine: str) -> set[int]:
    """The keys of all rows that the engine has of an index, whichever collection they are in."""
    server, prefix = MilvusEngine(engine), (folder / PREFIX_FILE).read_text().strip()
    names = [name for name in server.names() if name.startswith(prefix)]
    return {key for name in names for keys in server.open(name).scan() for key in keys.tolist()}


def keys_of(build: Path | None) -> set[int]:
    return set(map_array(build / ROW_KEYS).tolist()) if build else set()


def collection_of(index: Index) -> MilvusCollection:
    assert isinstance(index, RemoteIndex) and isinstance(index.collection, MilvusCollection)
    return index.collection


def row(index: RemoteIndex, number: int) -> Row:
    """A row as it is in the engine."""
    key = index.live.keys[number : number + 1]
    vector, terms = index.collection.fetch(key)[int(key[0])]
    entry = index.entries[index.passages[number].document_id]
    return Row(int(index.ids[number]), entry.id, entry.language, vector, terms)


def write_random(corpus: Path, draw: random.Random, name: str) -> None:
    sections = [
        f"## {' '.join(draw.choices(WORDS, k=2))}\n\n{' '.join(draw.choices(WORDS, k=draw.randint(1, 30)))}."
        for _ in range(draw.randint(1, 4))
    ]
    (corpus / name).write_text(f"# {draw.choice(WORDS)}\n\n" + "\n\n".join(sections))


@pytest.fixture
def mixed(corpus: Path) -> Path:
    """The small corpus with two further languages and a document in an unknown one."""
    (corpus / "farne.txt").write_text(
        "Farne brauchen feuchte Erde und wachsen im Schatten. Sie welken ohne Wasser nach zwei Tagen, und direkte Sonne "
        "verbrennt ihre Wedel. Man topft einen Farn alle zwei Jahre im Frühling um."
    )
    (corpus / "codes.csv").write_text("code,value\nE-1042,7\nE-1043,8\n")
    (corpus / "zh.txt").write_text(
        "蕨类植物需要潮湿的土壤。没有水，它们两天之内就会枯萎。蕨类植物在阴凉处生长得最好。每两年换一次盆。"
    )
    return corpus


def test_hits_equal_those_of_the_local_index(mixed: Path, tmp_path: Path, engine: str) -> None:
    """To the last bit: scores, similarities and order, with any depth, filter and combination of queries."""
    index, expected = built(mixed, tmp_path / "index", engine), index_of(mixed)
    embed = WordEmbedder().embed_query
    for query in [*QUERIES, "feuchte Erde im Schatten", "潮湿的土壤", "E-1042"]:
        choices: list[dict[str, Any]] = [{}, {"documents": ["faq.txt"]}, {"documents": ["*.txt"]}, {"documents": []}, {"k": 100}]
        for options in choices:
            assert hits(index, query, **options) == hits(expected, query, **options), (query, options)
        shallow = SETTINGS.model_copy(update={"depth": 1, "headings_weight": 0.0})
        assert hits(index, query, shallow) == hits(expected, query, shallow)
        both = [WeightedQuery(query, embed(query)), WeightedQuery("repot a fern", embed("repot a fern"), 0.5)]
        assert retrieve_together(index, both, SETTINGS) == retrieve_together(expected, both, SETTINGS)
        each = [retrieve_of_each(i, query, embed(query), SETTINGS, sorted(i.entries), k=3) for i in (index, expected)]
        assert each[0] == each[1]


def test_statistics_equal_those_of_the_local_index(mixed: Path, tmp_path: Path, engine: str) -> None:
    index, expected = built(mixed, tmp_path / "index", engine), index_of(mixed)
    for term in ("fern", "soil", "die", "farn", "e-1042", "unknown", ""):
        assert index.idf(term) == expected.idf(term)
        assert index.has(term) == expected.has(term)
        assert index.document_frequency(term) == expected.document_frequency(term)
        for own, other in zip(index.postings(term), expected.postings(term), strict=True):
            assert own.tolist() == other.tolist()
    assert index.highest_idf == expected.highest_idf == expected.lexical.idf("")
    vector = WordEmbedder().embed_query("damp soil")
    assert index.cosine_spread(vector) == expected.cosine_spread(vector)
    assert index.vocabulary.frequency == expected.vocabulary.frequency
    assert index.digest == expected.digest


def test_an_empty_corpus_has_no_hits(tmp_path: Path, engine: str) -> None:
    (tmp_path / "corpus").mkdir()
    index = built(tmp_path / "corpus", tmp_path / "index", engine)
    assert hits(index, "fern") == []
    assert index.postings("fern")[0].tolist() == []


def test_updates_equal_a_build_from_scratch(tmp_path: Path, engine: str) -> None:
    """Random additions, changes and removals; the engine has the rows of the live and the previous build, and no others."""
    corpus, folder, draw = tmp_path / "corpus", tmp_path / "index", random.Random(3)
    corpus.mkdir()
    for number in range(6):
        write_random(corpus, draw, f"{number}.md")
    for step in range(6):
        names = sorted(path.name for path in corpus.iterdir())
        write_random(corpus, draw, f"new{step}.md")
        write_random(corpus, draw, draw.choice(names))
        (corpus / draw.choice(names)).unlink()
        index, expected = built(corpus, folder, engine), index_of(corpus)
        for query in (" ".join(draw.choices(WORDS, k=3)) for _ in range(3)):
            assert hits(index, query) == hits(expected, query)
        if engine != "local":
            assert stored_keys(folder, engine) == keys_of(live_build(folder)) | keys_of(previous_build(folder))
    build(corpus, tmp_path / "fresh", engine)
    files = {*FILES, *PUBLISHED_FILES} if engine != "local" else {*FILES}
    for name in files - {CHANGES}:
        own, fresh = ((live_build(index) / name).read_bytes() for index in (folder, tmp_path / "fresh"))
        assert own == fresh, name


def test_two_front_ends_see_the_same_publish(corpus: Path, tmp_path: Path, engine: str) -> None:
    build(corpus, tmp_path / "index", engine)
    first, second = live(tmp_path / "index", engine), live(tmp_path / "index", engine)
    before = hits(first.current(), "moss on stones")
    assert hits(second.current(), "moss on stones") == before
    (corpus / "new.txt").write_text("Moss grows on stones.")
    build(corpus, tmp_path / "index", engine)
    after = hits(first.current(), "moss on stones")
    assert hits(second.current(), "moss on stones") == after
    assert after[0].passage.document_id == "new.txt"
    assert before[0].passage.document_id != "new.txt"


def test_rollback_and_forward_again(corpus: Path, tmp_path: Path, engine: str) -> None:
    first = built(corpus, tmp_path / "index", engine)
    before = hits(first, "moss on stones")
    (corpus / "new.txt").write_text("Moss grows on stones.")
    after = hits(built(corpus, tmp_path / "index", engine), "moss on stones")
    assert after != before
    for expected in (before, after, before):
        restore_previous(tmp_path / "index")
        assert hits(live(tmp_path / "index", engine).current(), "moss on stones") == expected


def test_the_library_answers_alike(corpus: Path, tmp_path: Path, engine: str) -> None:
    settings = Settings(corpus=corpus, index=tmp_path / "index").model_dump()
    settings["answering"]["reader"], settings["scale"]["engine"] = "similarity", engine
    library = Library(Settings(**settings), embedder=WordEmbedder())
    library.build()
    answers = [library.ask("How often should I repot a fern?"), library.ask("How high is Bracken?")]
    settings["index"], settings["scale"]["engine"] = tmp_path / "local", "local"
    local = Library(Settings(**settings), embedder=WordEmbedder())
    local.build()
    expected = [local.ask("How often should I repot a fern?"), local.ask("How high is Bracken?")]
    assert [answer.text for answer in answers] == [answer.text for answer in expected]
    assert [answer.citations for answer in answers] == [answer.citations for answer in expected]
    assert answers[0].text and answers[1].text


# What only an engine of its own can get wrong.


def test_a_front_end_needs_the_catalogue_only(corpus: Path, tmp_path: Path, milvus: str) -> None:
    """Vectors and postings of the build folder stay with the builder."""
    expected = hits(built(corpus, tmp_path / "index", milvus), "repot a fern")
    for name in set(FILES) - set(CATALOGUE):
        (live_build(tmp_path / "index") / name).unlink()
    index = live(tmp_path / "index", milvus).current()
    assert hits(index, "repot a fern") == expected
    assert index.vocabulary.frequency and index.postings("fern")[0].tolist()


def test_a_build_of_this_machine_moves_to_an_engine_and_back(corpus: Path, tmp_path: Path, milvus: str) -> None:
    local = built(corpus, tmp_path / "index", "local")
    before = live_build(tmp_path / "index")
    with pytest.raises(EngineError, match="is not in the engine at .*; run `rag build`"):
        live(tmp_path / "index", milvus).current()
    index = built(corpus, tmp_path / "index", milvus)
    assert isinstance(index, RemoteIndex) and isinstance(local, LocalIndex)
    assert live_build(tmp_path / "index") == before
    assert hits(index, "fern") == hits(local, "fern") == hits(built(corpus, tmp_path / "index", "local"), "fern")


def test_beyond_a_limit_the_nearest_are_approximate_and_their_recall_is_measured(tmp_path: Path, beds: Path, milvus: str) -> None:
    """milvus-lite compares all vectors whatever it is asked for. The other collection is dropped with the last build that needs it."""
    recipe = Recipe(WordEmbedder(), PassageSettings(), DenseSettings(exact_up_to=50), milvus)
    folder, collections = tmp_path / "index", list[str]()
    for added, recall in (("", None), ("51.md", 1.0), ("52.md", 1.0)):
        if added:
            (beds / added).write_text(f"# Bed {added}\n\nMoss.\n")
        update_index(ReadHere(beds), folder, recipe)
        published = load_published(live_build(folder))
        assert published and published.recall == recall
        collections.append(published.collection)
        index = live(folder, milvus).current()
        assert isinstance(index, RemoteIndex) and index.exact == (recall is None)
        assert hits(index, "Fern 7 drinks") == hits(index_of(beds), "Fern 7 drinks")
    assert collections[0] != collections[1] == collections[2]
    prefix = (folder / PREFIX_FILE).read_text().strip()
    assert [name for name in MilvusEngine(milvus).names() if name.startswith(prefix)] == collections[2:]


def test_a_removed_document_leaves_no_row(corpus: Path, tmp_path: Path, milvus: str) -> None:
    index = remote(corpus, tmp_path / "index", milvus)
    gone = index.live.keys[[*index.rows["faq.txt"]]]
    assert len(index.collection.fetch(gone)) == len(gone) > 0
    (corpus / "faq.txt").unlink()
    after = remote(corpus, tmp_path / "index", milvus)
    assert after.collection.fetch(gone) == {}
    assert after.collection.count() == len(after.passages)


def test_a_row_put_back_by_hand_is_not_returned(corpus: Path, tmp_path: Path, milvus: str) -> None:
    """Even if it would be the best, and however many there are; `rag doctor` deletes them."""
    settings = Settings(corpus=corpus, index=tmp_path / "index", scale={"engine": milvus})
    index = remote(corpus, tmp_path / "index", milvus)
    gone = [row(index, number) for number in index.rows["faq.txt"]]
    (corpus / "faq.txt").unlink()
    index, expected = remote(corpus, tmp_path / "index", milvus), index_of(corpus)
    vector = WordEmbedder().embed_query("How often should I repot a fern?")
    many = [Row(n, "faq.txt", "en", vector, PassageTerms(("repot", "fern"), ())) for n in range(300)]
    index.collection.insert([*gone, *many])
    assert index.collection.count() == len(index.passages) + len(gone) + 300
    shallow = SETTINGS.model_copy(update={"depth": 2})
    for query in ("How often should I repot a fern?", "fern"):
        assert hits(index, query) == hits(expected, query)
        assert hits(index, query, shallow) == hits(expected, query, shallow)
    assert index.postings("fern")[0].tolist() == expected.postings("fern")[0].tolist()
    check = engine_check(settings)
    assert check.faults == []
    assert f"; deleted {len(gone) + 300} rows that belonged to no build" in check.note
    assert index.collection.count() == len(index.passages)
    assert "deleted" not in engine_check(settings).note


def test_doctor_drops_a_collection_that_no_build_needs(corpus: Path, tmp_path: Path, milvus: str) -> None:
    settings = Settings(corpus=corpus, index=tmp_path / "index", scale={"engine": milvus})
    index, server = remote(corpus, tmp_path / "index", milvus), MilvusEngine(milvus)
    expected = stored_keys(tmp_path / "index", milvus)
    stray = f"{(tmp_path / 'index' / PREFIX_FILE).read_text().strip()}_stray"
    server.create(stray, index.manifest.contents.dim, exact=True).insert([row(index, 0), row(index, 1)])
    check = engine_check(settings)
    assert check.faults == []
    assert check.note.endswith("; deleted 2 rows that belonged to no build")
    assert stray not in server.names()
    assert stored_keys(tmp_path / "index", milvus) == expected
    assert "deleted" not in engine_check(settings).note


@pytest.mark.parametrize("full", [True, False])
def test_damaged_row_keys_are_made_anew(corpus: Path, tmp_path: Path, milvus: str, full: bool) -> None:
    """They are copied neither by a build from scratch nor by an update, and doctor deletes no row because of them."""
    settings = Settings(corpus=corpus, index=tmp_path / "index", scale={"engine": milvus})
    build(corpus, tmp_path / "index", milvus)
    path = live_build(tmp_path / "index") / ROW_KEYS
    keys = map_array(path).copy()
    save_array(path, keys + 1)
    assert engine_check(settings).faults == [(f"{path} is damaged or missing", "run `rag build --full`")]
    assert stored_keys(tmp_path / "index", milvus) == set(keys.tolist())
    index = built(corpus, tmp_path / "index", milvus, full=full)
    assert keys_of(live_build(tmp_path / "index")) == stored_keys(tmp_path / "index", milvus) == set(keys.tolist())
    assert hits(index, "fern") == hits(index_of(corpus), "fern")
    assert engine_check(settings).faults == []


def engine_check(settings: Settings) -> Check:
    return next(check for check in examine(settings, model=WordEmbedder.identity) if check.name == "engine")


def test_lost_rows_are_found_and_inserted_again(corpus: Path, tmp_path: Path, milvus: str) -> None:
    settings = Settings(corpus=corpus, index=tmp_path / "index", scale={"engine": milvus})
    index = remote(corpus, tmp_path / "index", milvus)
    expected = hits(index, "fern")
    index.collection.delete(index.live.keys[:2])
    fault = f"the engine at {MilvusEngine(milvus).address} lacks 2 rows"
    assert engine_check(settings).faults == [(fault, "run `rag build`")]
    rows = len(index.passages)
    with pytest.raises(EngineError, match=f"has {rows - 2} rows instead of {rows}; run `rag build`"):
        live(tmp_path / "index", milvus).current()
    assert hits(remote(corpus, tmp_path / "index", milvus), "fern") == expected
    assert engine_check(settings).faults == []


def test_a_row_inserted_twice_does_not_stop_builds(corpus: Path, tmp_path: Path, milvus: str) -> None:
    """Milvus does not enforce unique keys, and its client repeats an insertion whose answer was lost."""
    index = remote(corpus, tmp_path / "index", milvus)
    expected = hits(index, "fern", k=100)
    index.collection.insert([row(index, 0)])
    assert index.collection.count() == len(index.passages) + 1
    index = remote(corpus, tmp_path / "index", milvus)
    assert index.collection.count() == len(index.passages)
    assert hits(index, "fern", k=100) == expected


def test_doctor_deletes_nothing_by_a_damaged_build(corpus: Path, tmp_path: Path, milvus: str) -> None:
    settings = Settings(corpus=corpus, index=tmp_path / "index", scale={"engine": milvus})
    index = remote(corpus, tmp_path / "index", milvus)
    vectors = live_build(tmp_path / "index") / VECTORS
    damaged = bytearray(vectors.read_bytes())
    damaged[-1] ^= 1
    vectors.write_bytes(damaged)
    assert engine_check(settings).faults == [(f"{vectors} is damaged or missing", "run `rag build --full`")]
    assert index.collection.count() == len(index.passages)


def test_a_damaged_row_is_never_scored(corpus: Path, tmp_path: Path, milvus: str) -> None:
    index = remote(corpus, tmp_path / "index", milvus)
    stored = row(index, 0)
    other = row(index, 1)
    forged = Row(stored.passage, stored.document, stored.language, stored.vector, other.terms)
    object.__setattr__(forged, "key", stored.key)
    index.collection.delete(index.live.keys[:1])
    index.collection.insert([forged])
    with pytest.raises(EngineError, match="is damaged in the engine; run `rag doctor`, then `rag build`"):
        hits(index, "fern", k=100)
    settings = Settings(corpus=corpus, index=tmp_path / "index", scale={"engine": milvus})
    assert engine_check(settings).faults[0] == ("1 rows in the engine were damaged, and are deleted", "run `rag build`")
    assert hits(remote(corpus, tmp_path / "index", milvus), "fern", k=100) == hits(index_of(corpus), "fern", k=100)
    assert engine_check(settings).faults == []


def test_a_build_that_the_engine_lacks_leaves_the_old_one_answering(corpus: Path, tmp_path: Path, milvus: str) -> None:
    front = live(tmp_path / "index", milvus)
    build(corpus, tmp_path / "index", milvus)
    before = front.current()
    (corpus / "new.txt").write_text("Moss grows on stones.")
    build(corpus, tmp_path / "index", milvus)
    collection = collection_of(live(tmp_path / "index", milvus).current())
    new = np.array(sorted(keys_of(live_build(tmp_path / "index")) - keys_of(previous_build(tmp_path / "index"))))
    collection.delete(np.array(sorted(stored_keys(tmp_path / "index", milvus)), dtype=np.int64)[:3])
    collection.delete(new)
    assert front.current() is before
    assert "rows instead of" in front.trouble
    build(corpus, tmp_path / "index", milvus)
    front._again = 0.0
    assert front.current().digest != before.digest
    assert front.trouble == ""


def test_a_missing_collection_is_named(corpus: Path, tmp_path: Path, milvus: str) -> None:
    build(corpus, tmp_path / "index", milvus)
    published = load_published(live_build(tmp_path / "index"))
    assert published
    MilvusEngine(milvus).drop(published.collection)
    with pytest.raises(
        EngineError, match=f"{MilvusEngine(milvus).address} has no collection {published.collection}; run `rag build`"
    ):
        live(tmp_path / "index", milvus).current()
    assert hits(built(corpus, tmp_path / "index", milvus), "fern") == hits(index_of(corpus), "fern")


@pytest.mark.parametrize("operation", ["insert", "delete", "count", "scan"])
def test_a_failure_of_the_engine_at_any_step_leaves_the_previous_build(
    operation: str, corpus: Path, tmp_path: Path, milvus: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each call of the operation in turn fails, before it does anything and after it."""
    monkeypatch.setattr("rag.index.publishing.INSERTED_AT_ONCE", 2)
    folder = tmp_path / "index"
    before = hits(built(corpus, folder, milvus), "moss fern")
    new, faq = (
        "# Moss\n\n## Stones\n\nMoss grows on stones.\n\n## Ferns\n\nFerns grow on moss.\n",
        (corpus / "faq.txt").read_text(),
    )
    change(corpus, added={"new.md": new}, removed="faq.txt")
    after = hits(index_of(corpus), "moss fern")
    for failing in range(1, 20):
        for late in (False, True):
            with monkeypatch.context() as patch:
                calls = fail_at(patch, operation, failing, late=late)
                try:
                    build(corpus, folder, milvus)
                except EngineError as error:
                    assert str(error) == "broken"
            assert hits(live(folder, milvus).current(), "moss fern") in (before, after)
            build(corpus, folder, milvus)  # repairs everything
            assert hits(live(folder, milvus).current(), "moss fern") == after
            assert stored_keys(folder, milvus) == keys_of(live_build(folder)) | keys_of(previous_build(folder))
            change(corpus, added={"faq.txt": faq}, removed="new.md")
            build(corpus, folder, milvus)
            change(corpus, added={"new.md": new}, removed="faq.txt")
        if calls() < failing:
            break
    assert calls() < failing


def fail_at(patch: pytest.MonkeyPatch, operation: str, failing: int, *, late: bool) -> Callable[[], int]:
    """Lets a call fail; returns how many there were."""
    real, calls = getattr(MilvusCollection, operation), 0

    def fails(self: MilvusCollection, *arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == failing and not late:
            raise EngineError("broken")
        result = real(self, *arguments)
        if calls == failing:
            raise EngineError("broken")
        return result

    patch.setattr(MilvusCollection, operation, fails)
    return lambda: calls


def change(corpus: Path, *, added: dict[str, str], removed: str) -> None:
    for name, text in added.items():
        (corpus / name).write_text(text)
    (corpus / removed).unlink()
