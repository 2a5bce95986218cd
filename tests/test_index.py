import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.config import PassageSettings
from rag.errors import BuildLocked, CorpusError, IndexBroken, IndexMismatch, IndexMissing
from rag.index.building import build_index, corpus_changes, update_index
from rag.index.contents import Index
from rag.index.files import load_index, save_index
from rag.storage import build_lock, live_build
from rag.terms import terms
from tests.conftest import ROOT, WordEmbedder

SETTINGS = PassageSettings()


def contents(index: Index) -> tuple:
    """All that searching can see."""
    return (
        [(passage.id, passage) for passage in index.passages],
        index.vectors.tobytes(),
        index.lexical.scores(terms("nerve fern soil cat year")).tobytes(),
        index.documents,
        index.digest,
    )


def test_load_of_save_is_the_index(corpus: Path, words: WordEmbedder, tmp_path: Path) -> None:
    index, _ = build_index(corpus, words, SETTINGS)
    (tmp_path / "saved").mkdir()
    save_index(index, tmp_path / "saved")
    loaded = load_index(tmp_path / "saved", model=words.identity, settings=SETTINGS)
    assert contents(loaded) == contents(index)
    query = words.embed_query("fern in the sun")
    assert [part.tolist() for part in loaded.dense.search(query, 5)] == [part.tolist() for part in index.dense.search(query, 5)]


FILES = {
    "one.md": ["# One\n\nFerns like soil.\n", "# One\n\nFerns like soil. Cats do not.\n", "# Uno\n\nNothing here.\n"],
    "two.txt": ["How long?\nTwo years.\n", "How long?\nThree years.\nWhy?\nBecause.\n"],
    "sub/three.html": ["<p>Ferns like soil.</p>", "<h1>T</h1><p>A cat.</p>"],
    "copy.md": ["# One\n\nFerns like soil.\n"],
    "broken.txt": ["\0\1\2\3"],
}
step = st.sampled_from([(name, text) for name, texts in FILES.items() for text in [*texts, None]])


@settings(max_examples=40)
@given(st.lists(st.lists(step, min_size=1, max_size=3), min_size=2, max_size=5))
def test_updating_equals_building_anew(steps: list[list[tuple[str, str | None]]]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        corpus, index = Path(folder, "corpus"), Path(folder, "index")
        corpus.mkdir()
        for changes in steps:
            for name, text in changes:
                path = corpus / name
                path.parent.mkdir(exist_ok=True)
                if text is None:
                    path.unlink(missing_ok=True)
                else:
                    path.write_text(text)
            updated, _ = update_index(corpus, index, WordEmbedder(), SETTINGS)
            anew, _ = build_index(corpus, WordEmbedder(), SETTINGS)
            assert contents(updated) == contents(anew)
            assert contents(load_index(live_build(index))) == contents(anew)


def test_only_new_texts_are_embedded(corpus: Path, tmp_path: Path) -> None:
    update_index(corpus, tmp_path / "index", WordEmbedder(), SETTINGS)
    (corpus / "guide.md").rename(corpus / "moved.md")
    (corpus / "new.txt").write_text("Moss grows on stones.")
    words = WordEmbedder()
    _, changes = update_index(corpus, tmp_path / "index", words, SETTINGS)
    assert words.embedded == ["New\nMoss grows on stones."]
    assert (changes.added, changes.removed, changes.unchanged, changes.embedded) == (
        ["moved.md", "new.txt"],
        ["guide.md"],
        ["faq.txt"],
        1,
    )


def test_nothing_changed_writes_nothing(corpus: Path, words: WordEmbedder, tmp_path: Path) -> None:
    update_index(corpus, tmp_path / "index", words, SETTINGS)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "index" / "builds").rglob("*")}
    update_index(corpus, tmp_path / "index", words, SETTINGS)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "index" / "builds").rglob("*")} == before


def test_a_full_build_gives_the_same_contents_and_embeds_all(corpus: Path, tmp_path: Path) -> None:
    index, _ = update_index(corpus, tmp_path / "index", WordEmbedder(), SETTINGS)
    again, changes = update_index(corpus, tmp_path / "index", WordEmbedder(), SETTINGS, full=True)
    assert again.digest == index.digest
    assert changes.embedded == len(index.passages)
    assert changes.unchanged == ["faq.txt", "guide.md"]


def test_changed_settings_make_everything_anew(corpus: Path, words: WordEmbedder, tmp_path: Path) -> None:
    update_index(corpus, tmp_path / "index", words, SETTINGS)
    smaller = PassageSettings(max_tokens=32)
    with pytest.raises(IndexMismatch, match='"max_tokens":null.*"max_tokens":32'):
        load_index(live_build(tmp_path / "index"), settings=smaller)
    update_index(corpus, tmp_path / "index", words, smaller)
    load_index(live_build(tmp_path / "index"), settings=smaller)


def test_another_model_is_refused_with_both_names(corpus: Path, words: WordEmbedder, tmp_path: Path) -> None:
    update_index(corpus, tmp_path / "index", words, SETTINGS)
    with pytest.raises(IndexMismatch, match="model name words, the settings ask for all-MiniLM.*rag build"):
        load_index(live_build(tmp_path / "index"), model=type(words.identity)("all-MiniLM", "1", 384))


def test_unreadable_files_are_listed_and_the_rest_is_built(corpus: Path, words: WordEmbedder, tmp_path: Path) -> None:
    (corpus / "broken.txt").write_bytes(b"\0\1\2\3")
    (corpus / "empty.md").write_text("")
    (corpus / "photo.xyz").write_bytes(b"x")
    index, changes = update_index(corpus, tmp_path / "index", words, SETTINGS)
    assert [failure.path for failure in changes.failed] == ["broken.txt", "empty.md", "photo.xyz"]
    assert set(index.documents) == {"faq.txt", "guide.md"}
    assert corpus_changes(corpus, index).added == []
    (corpus / "broken.txt").write_text("Mended now.")
    assert corpus_changes(corpus, index).added == ["broken.txt"]


def test_what_the_corpus_has_become(corpus: Path, words: WordEmbedder) -> None:
    index, _ = build_index(corpus, words, SETTINGS)
    (corpus / "faq.txt").write_text("Is it?\nYes.")
    (corpus / "guide.md").rename(corpus / "z.md")
    changes = corpus_changes(corpus, index)
    assert (changes.added, changes.changed, changes.removed) == (["z.md"], ["faq.txt"], ["guide.md"])


def test_an_empty_corpus_is_an_empty_index(words: WordEmbedder, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    index, _ = update_index(tmp_path / "empty", tmp_path / "index", words, SETTINGS)
    assert (index.passages, index.vectors.shape) == ([], (0, 32))
    with pytest.raises(CorpusError, match="does not exist"):
        update_index(tmp_path / "none", tmp_path / "index", words, SETTINGS)


@pytest.mark.parametrize(
    "name", ["documents.jsonl", "passages.jsonl", "vectors.npy", "dense.faiss", "terms.json", "terms_rows.npy"]
)
def test_a_damaged_file_is_refused_and_mended(name: str, corpus: Path, words: WordEmbedder, tmp_path: Path) -> None:
    index, _ = update_index(corpus, tmp_path / "index", words, SETTINGS)
    path = live_build(tmp_path / "index") / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(IndexBroken, match=name):
        load_index(live_build(tmp_path / "index"))
    mended, _ = update_index(corpus, tmp_path / "index", words, SETTINGS)
    assert contents(load_index(live_build(tmp_path / "index"))) == contents(mended) == contents(index)


def test_no_index(tmp_path: Path) -> None:
    with pytest.raises(IndexMissing, match="run `rag build`"):
        live_build(tmp_path)
    (tmp_path / "CURRENT").write_text("../../elsewhere\n")
    with pytest.raises(IndexBroken):
        live_build(tmp_path)


@pytest.mark.parametrize("operation", ["fsync", "replace"])
def test_a_failure_at_any_write_leaves_the_former_build(
    operation: str, corpus: Path, words: WordEmbedder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each wait for the disk and each rename in turn fails as on a full disk; what was live stays live, or the new build is whole."""
    index = tmp_path / "index"
    before, _ = update_index(corpus, index, words, SETTINGS)
    (corpus / "new.txt").write_text("Moss grows on stones.")
    after, _ = build_index(corpus, words, SETTINGS)
    failures = 0
    for failing in range(1, 50):
        calls = 0
        with monkeypatch.context() as patch:
            real = getattr(os, operation)

            def fail_once(*arguments: object, real: object = real, failing: int = failing) -> object:
                nonlocal calls
                calls += 1
                if calls == failing:
                    raise OSError(28, "No space left on device")
                return real(*arguments)

            patch.setattr(os, operation, fail_once)
            try:
                update_index(corpus, index, words, SETTINGS)
            except OSError:
                failures += 1
        live = load_index(live_build(index))
        assert live.digest in (before.digest, after.digest)
        if calls < failing:
            break
        shutil.rmtree(index)
        (corpus / "new.txt").unlink()
        update_index(corpus, index, words, SETTINGS)
        (corpus / "new.txt").write_text("Moss grows on stones.")
    assert failures >= 2
    assert load_index(live_build(index)).digest == after.digest


def test_one_builder_at_a_time(corpus: Path, words: WordEmbedder, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from rag.storage import build_lock\n"
        "with build_lock(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "index")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdin and holder.stdout
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(BuildLocked, match=f"process {holder.pid}, since 20"):
        update_index(corpus, tmp_path / "index", words, SETTINGS)
    holder.kill()
    holder.communicate()
    with build_lock(tmp_path / "index"):
        pass  # a lock left by a dead process does not block


def test_manifest_names_what_it_was_made_of(corpus: Path, words: WordEmbedder, tmp_path: Path) -> None:
    update_index(corpus, tmp_path / "index", words, SETTINGS)
    manifest = json.loads((live_build(tmp_path / "index") / "manifest.json").read_text())
    assert manifest["model"] == {"name": "words", "digest": "0" * 64, "dim": 32}
    assert [(d["id"], d["passages"]) for d in manifest["documents"]] == [("faq.txt", 2), ("guide.md", 3)]
    assert set(manifest["files"]) == {path.name for path in live_build(tmp_path / "index").iterdir()} - {"manifest.json"}


def test_a_removed_document_leaves_nothing(corpus: Path, words: WordEmbedder, tmp_path: Path) -> None:
    (corpus / "secret.txt").write_text("The password is CANARY99.")
    update_index(corpus, tmp_path / "index", words, SETTINGS)

    def found() -> list[Path]:
        return [p for p in (tmp_path / "index").rglob("*") if p.is_file() and b"canary99" in p.read_bytes().lower()]

    assert found()
    (corpus / "secret.txt").unlink()
    index, _ = update_index(corpus, tmp_path / "index", words, SETTINGS)
    assert found() == []
    assert "secret.txt" not in index.documents


def test_a_manifest_that_was_changed_is_refused(corpus: Path, words: WordEmbedder, tmp_path: Path) -> None:
    update_index(corpus, tmp_path / "index", words, SETTINGS)
    path = live_build(tmp_path / "index") / "manifest.json"
    whole = json.loads(path.read_text())
    for broken in (whole | {"documents": []}, whole | {"hash": "f" * 64}, {"format": 1}, [], "text"):
        path.write_text(json.dumps(broken))
        with pytest.raises(IndexBroken, match="manifest.json"):
            load_index(live_build(tmp_path / "index"))
        update_index(corpus, tmp_path / "index", words, SETTINGS)
        path = live_build(tmp_path / "index") / "manifest.json"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_name_that_is_not_utf8_is_one_failed_file(corpus: Path, words: WordEmbedder, tmp_path: Path) -> None:
    (corpus / os.fsdecode(b"caf\xe9.txt")).write_text("text")
    _, changes = update_index(corpus, tmp_path / "index", words, SETTINGS)
    assert [(failure.path, failure.reason) for failure in changes.failed] == [("caf?.txt", "its name is not UTF-8; rename it")]


def test_a_stray_file_among_the_builds_is_left_alone(corpus: Path, words: WordEmbedder, tmp_path: Path) -> None:
    (tmp_path / "index" / "builds").mkdir(parents=True)
    (tmp_path / "index" / "builds" / ".DS_Store").write_text("x")
    update_index(corpus, tmp_path / "index", words, SETTINGS)
    load_index(live_build(tmp_path / "index"))


@pytest.mark.slow
def test_builds_killed_at_random_moments_lose_nothing(tmp_path: Path) -> None:
    """Law 6 on real processes: after each kill the live build is the one before or the new one, and whole."""
    code = (
        "import sys; from pathlib import Path; from rag.config import PassageSettings; from rag.index.building import update_index\n"
        "from tests.conftest import WordEmbedder\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "update_index(Path(sys.argv[1]), Path(sys.argv[2]), WordEmbedder(), PassageSettings())"
    )
    corpus, index = tmp_path / "corpus", tmp_path / "index"
    corpus.mkdir()
    moments = random.Random(7)
    killed = 0
    live = update_index(corpus, index, WordEmbedder(), SETTINGS)[0].digest
    for n in range(25):
        for m in range(20):
            (corpus / f"{n}-{m}.md").write_text(f"# Fern {n} {m}\n\nFern {n} of bed {m} drinks {n + m} litres a week.\n")
        wanted = build_index(corpus, WordEmbedder(), SETTINGS)[0].digest
        builder = subprocess.Popen(
            [sys.executable, "-c", code, str(corpus), str(index)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert builder.stdin and builder.stdout
        assert builder.stdout.readline() == b"ready\n"
        builder.stdin.write(b"go\n")
        builder.stdin.flush()
        time.sleep(moments.uniform(0, 0.15))
        builder.kill()
        builder.communicate()
        killed += builder.returncode != 0
        live_now = load_index(live_build(index)).digest
        assert live_now in (live, wanted)
        live = live_now
    assert killed >= 5  # else the moments must be chosen anew
    mended, _ = update_index(corpus, index, WordEmbedder(), SETTINGS)
    assert mended.digest == wanted
    assert len(list((index / "builds").iterdir())) == 1
