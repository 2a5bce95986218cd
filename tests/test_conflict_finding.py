"""Conflicts of a whole index: what is found, that an update finds the same as a search from scratch, and what removal leaves."""

import shutil
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rag.accounts.users import User
from rag.config import PassageSettings, Settings
from rag.conflicts.finding import Findings, find_conflicts
from rag.conflicts.finding_values import findings_values
from rag.conflicts.parsed_sentence import parsed
from rag.conflicts.versions import _edition, date_of, version_order
from rag.conversation import Chat
from rag.index import sentence_vectors
from rag.index.build_files import load_index
from rag.index.builds import live_build
from rag.index.corpus_edits import restore_previous
from rag.index.sentence_vectors import FOLDER, SentenceVectors
from rag.index.updating import Recipe, update_index
from rag.records import Document
from rag.review import conflict_check
from rag.storage.arrays import save_array
from rag.ui.calls import answer_call
from rag.ui.conflicts_acts import CONFLICTS_ACTS, ConflictsPart
from rag.ui.jobs import Stopped
from tests.conftest import SIMILARITY, ReadHere, WordEmbedder, library_of
from tests.serving import client_of

SHOP = {
    "warranty.md": "# Warranty of the pump\n\nRefunds are paid within 60 days of the purchase. The pump is sold with a cable of 2 m.\n",
    "faq.md": "# Questions about the pump\n\nWithin 30 days of the purchase refunds are paid. The pump is sold with a cable of 200 cm.\n",
    "dogs.md": "# House rules\n\nDogs are allowed in the shop at any time.\n\n1. Wait for 3 seconds at the door.\n2. Wait for 5 seconds at the door.\n",
    "animals.md": "# Animals\n\nDogs are not allowed in the shop at any time.\n",
    "p20.md": "# P20 manual\n\nThe tank of the pump holds 40 litres of water.\n",
    "p35.md": "# P35 manual\n\nThe tank of the pump holds 70 litres of water.\n",
    "fees-2023.md": "# Fees\n\nValid from 1 January 2023.\n\nThe annual fee for adult members is 60 euros.\n",
    "fees-2025.md": "# Fees\n\nValid from 1 January 2025.\n\nThe annual fee for adult members is 80 euros.\n",
}  # fmt: skip


def write(corpus: Path, files: dict[str, str]) -> None:
    corpus.mkdir(exist_ok=True)
    for name, text in files.items():
        (corpus / name).write_text(text, encoding="utf-8")


def build(folder: Path, embedder: WordEmbedder) -> None:
    update_index(ReadHere(folder / "corpus"), folder / "index", Recipe(embedder, PassageSettings()))


def found(folder: Path, embedder: WordEmbedder, only: list[str] | None = None) -> Findings:
    return find_conflicts(load_index(live_build(folder / "index")), embedder, folder / "index", only=only)


def summaries(findings: Findings) -> set[str]:
    return {conflict.summary for conflict in findings.conflicts}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    write(tmp_path / "corpus", SHOP)
    build(tmp_path, WordEmbedder())
    return tmp_path


def test_conflicts_are_found_and_versions_told_apart(shop: Path) -> None:
    findings = found(shop, WordEmbedder())
    assert summaries(findings) == {"number: 30 days / 60 days", "negation: not / –"}
    (versions,) = findings.versions
    assert (versions.newer.id, versions.older.id, versions.known) == ("fees-2025.md", "fees-2023.md", True)
    assert [change.summary for change in versions.changes] == ["number: 80 euros / 60 euros"]


def test_every_side_is_a_slice_of_its_document(shop: Path) -> None:
    documents = load_index(live_build(shop / "index")).documents
    for conflict in findings_values(found(shop, WordEmbedder()))["conflicts"]:
        for side in conflict["sides"]:
            assert documents[side["document_id"]].text[side["start"] : side["end"]] == side["quote"]
            assert all(0 <= start < end <= len(side["quote"]) for start, end in side["differing"])


def test_only_compares_the_documents_chosen(shop: Path) -> None:
    assert summaries(found(shop, WordEmbedder(), only=["dogs.md", "animals.md"])) == {"negation: not / –"}
    assert found(shop, WordEmbedder(), only=["dogs.md"]).conflicts == ()


def test_after_a_change_only_changed_documents_are_embedded_and_the_result_is_that_from_scratch(shop: Path) -> None:
    found(shop, WordEmbedder())
    write(
        shop / "corpus",
        {"faq.md": SHOP["faq.md"].replace("30", "45"), "new.md": "# Pump\n\nThe pump is not sold with a cable of 2 m.\n"},
    )
    (shop / "corpus" / "animals.md").unlink()
    embedder = WordEmbedder()
    build(shop, embedder)
    embedder.embedded.clear()
    updated = found(shop, embedder)
    assert sorted(embedder.embedded) == [
        "The pump is not sold with a cable of 2 m.",
        "The pump is sold with a cable of 200 cm.",
        "Within 45 days of the purchase refunds are paid.",
    ]
    shutil.rmtree(shop / "index" / FOLDER)
    scratch = found(shop, WordEmbedder())
    assert (updated.conflicts, updated.versions, updated.sentences) == (scratch.conflicts, scratch.versions, scratch.sentences)
    assert "number: 45 days / 60 days" in summaries(updated)


def test_the_same_index_compares_nothing_again(shop: Path) -> None:
    first, embedder = found(shop, WordEmbedder()), WordEmbedder()
    again = found(shop, embedder)
    assert embedder.embedded == []
    assert (again.conflicts, again.embedded) == (first.conflicts, 0)


def test_a_removed_document_leaves_no_vector_and_no_pair(shop: Path) -> None:
    """Law 10."""
    found(shop, WordEmbedder())
    before = {path.name: path.read_bytes() for path in (shop / "index" / FOLDER).iterdir()}
    (shop / "corpus" / "animals.md").unlink()
    build(shop, WordEmbedder())
    after = {path.name: path.read_bytes() for path in (shop / "index" / FOLDER).iterdir()}
    (gone,) = before.keys() - after.keys()
    vector_size = WordEmbedder.dim * 4
    key = before[gone][-(16 + vector_size) : -vector_size]
    assert all(key not in data for data in after.values())
    assert any(key in data for data in before.values())


def test_after_a_rollback_conflicts_are_those_of_the_restored_build(shop: Path) -> None:
    before = found(shop, WordEmbedder())
    write(shop / "corpus", {"new.md": "# Pump\n\nThe pump is sold with a cable of 3 m.\n"})
    build(shop, WordEmbedder())
    assert len(found(shop, WordEmbedder()).conflicts) > len(before.conflicts)
    restore_previous(shop / "index")
    assert replace(found(shop, WordEmbedder()), embedded=0) == replace(before, embedded=0)


@pytest.mark.parametrize("other", ["build", "search"])
def test_a_build_or_another_search_may_run_while_vectors_are_written(
    other: str, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file is written in two steps, between which the other one gets time to come in the way."""
    index = load_index(live_build(shop / "index"))
    entry = index.entries["faq.md"]
    keys, vectors = [b"k" * 16], np.ones((1, 3), dtype=np.float32)
    store, another = (SentenceVectors(shop / "index", index.manifest) for _ in range(2))
    threads: list[threading.Thread] = []

    def write_slowly(path: Path, array: Any) -> None:
        save_array(path, array)
        if not threads:
            act = another.sweep if other == "build" else lambda: another.save(entry, keys, vectors)
            threads.append(threading.Thread(target=act))
            threads[0].start()
            threads[0].join(timeout=0.3)

    monkeypatch.setattr(sentence_vectors, "save_array", write_slowly)
    store.save(entry, keys, vectors)
    threads[0].join()
    kept = store.load(entry, keys)
    assert kept is not None and kept.tolist() == vectors.tolist()
    assert not list((shop / "index" / FOLDER).glob("*.partial"))


def test_a_pattern_that_many_sentences_share_is_no_conflict(tmp_path: Path) -> None:
    lines = "\n\n".join(f"The sensor of the main hall measured {number} units of dust." for number in range(2, 80))
    write(
        tmp_path / "corpus",
        {"log.md": f"# Log\n\n{lines}\n", "other.md": "# Other\n\nThe sensor of the main hall measured 1 units of dust.\n"},
    )
    build(tmp_path, WordEmbedder())
    assert found(tmp_path, WordEmbedder()).conflicts == ()


def document(id: str, title: str, text: str) -> Document:
    return Document(id, title, text, (), "0" * 64)


@pytest.mark.parametrize(
    ("first", "second", "newer"),
    [
        (document("fees-2023.md", "Fees", "Fees"), document("fees-2025.md", "Fees", "Fees"), 1),
        (document("a.md", "Terms, version 2", "Terms"), document("b.md", "Terms, version 1.4", "Terms"), 0),
        (document("a.md", "Terms", "Valid from 1 May 2024."), document("b.md", "Terms", "Valid from 1 March 2024."), 0),
        (document("old terms.md", "Terms", "x"), document("terms.md", "Terms", "x"), 1),
        (document("a.md", "Rules of 2021", "x"), document("b.md", "New rules", "These rules supersede the Rules of 2021."), 1),
        (document("report_2024-03-01.md", "Report", "x"), document("report_2024-02-01.md", "Report", "x"), 0),
    ],
)
def test_versions_of_one_document_and_the_newer(first: Document, second: Document, newer: int) -> None:
    order, mirrored = version_order(first, second), version_order(second, first)
    assert order is not None
    assert mirrored is not None
    assert (order.newer, mirrored.newer) == (newer, 1 - newer)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (document("p20.md", "P20 manual", "x"), document("p35.md", "P35 manual", "x")),
        (document("fees-2023.md", "Fees", "x"), document("staff-2025.md", "Staff", "x")),
        (document("a.md", "Nerves", "x"), document("b.md", "Muscles", "x")),
    ],
)
def test_different_documents_are_no_versions(first: Document, second: Document) -> None:
    assert version_order(first, second) is None


def test_the_date_of_a_document_is_the_one_that_it_states() -> None:
    assert date_of(document("a-2020.md", "A", "# A\n\nLast updated: 5 March 2024. Founded in 1950.")) == (2024, 3, 5)
    assert date_of(document("a-2020.md", "A", "Founded in 1950.")) == (2020,)
    assert date_of(document("a.md", "A", "Founded in 1950.")) == ()


CURATOR = User("ada", "curator")


def test_the_page_finds_conflicts_and_shows_both_sides(shop: Path) -> None:
    chat = Chat(Settings(corpus=shop / "corpus", index=shop / "index", answering=SIMILARITY), WordEmbedder())
    contradicting = ConflictsPart(library_of(chat))
    assert answer_call(CONFLICTS_ACTS, contradicting, CURATOR, {"do": "show"})["found"] == ""
    assert answer_call(CONFLICTS_ACTS, contradicting, CURATOR, {"do": "find"}) == {}
    contradicting.job.join()
    shown = answer_call(CONFLICTS_ACTS, contradicting, CURATOR, {"do": "show"})
    assert "<mark>30 days</mark>" in shown["found"]
    assert "<mark>60 days</mark>" in shown["found"]
    assert "is the newer version of fees-2023.md" in shown["found"]
    assert (shown["running"], shown["stale"]) == (False, False)
    digest = chat.index().entries["faq.md"].digest
    assert f'value="{digest}:' in shown["found"]


def test_no_text_of_a_removed_document_is_shown_or_remembered(shop: Path) -> None:
    chat = Chat(Settings(corpus=shop / "corpus", index=shop / "index", answering=SIMILARITY), WordEmbedder())
    contradicting = ConflictsPart(library_of(chat))
    answer_call(CONFLICTS_ACTS, contradicting, CURATOR, {"do": "find"})
    contradicting.job.join()
    assert "60 days" in answer_call(CONFLICTS_ACTS, contradicting, CURATOR, {"do": "show"})["found"]
    assert conflict_check._latest and parsed.cache_info().currsize and _edition.cache_info().currsize
    for file in list((shop / "corpus").iterdir())[1:]:
        file.unlink()
    update_index(ReadHere(shop / "corpus"), shop / "index", Recipe(WordEmbedder(), PassageSettings()))
    shown = answer_call(CONFLICTS_ACTS, contradicting, CURATOR, {"do": "show"})
    assert (shown["found"], shown["stale"]) == ("", True)
    assert not conflict_check._latest and contradicting.findings is None
    assert (parsed.cache_info().currsize, _edition.cache_info().currsize) == (0, 0)


def test_only_curators_look_for_conflicts(shop: Path) -> None:
    chat = Chat(Settings(corpus=shop / "corpus", index=shop / "index", answering=SIMILARITY), WordEmbedder())
    refused = answer_call(CONFLICTS_ACTS, ConflictsPart(library_of(chat)), User("bob", "reader"), {"do": "find"})
    assert refused == {"error": "Only curators can look for conflicts."}


def test_what_was_embedded_before_a_stop_is_kept(shop: Path) -> None:
    embedder, index = WordEmbedder(), load_index(live_build(shop / "index"))

    def stop(what: str, done: int, total: int) -> None:
        if what == "embedding sentences" and done >= 4:
            raise Stopped

    with pytest.raises(Stopped):
        find_conflicts(index, embedder, shop / "index", progress=stop)
    before = set(embedder.embedded)
    embedder.embedded.clear()
    assert found(shop, embedder).conflicts == found(shop, WordEmbedder()).conflicts
    assert before
    assert not before & set(embedder.embedded)


def test_conflicts_over_http(shop: Path) -> None:
    chat = Chat(Settings(corpus=shop / "corpus", index=shop / "index", answering=SIMILARITY), WordEmbedder())
    client = client_of(chat)
    listed = client.get("/api/conflicts", params={"limit": 1}).json()
    assert (listed["total"], len(listed["conflicts"]), len(listed["versions"])) == (2, 1, 1)
    assert client.get("/api/conflicts", params={"documents": ["dogs.md"]}).json()["total"] == 0
    assert client.get("/api/conflicts", params={"limit": 0}).status_code == 422


def test_an_empty_index_has_no_conflicts(tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    build(tmp_path, WordEmbedder())
    assert found(tmp_path, WordEmbedder()) == Findings((), (), 0, 0, 0)
