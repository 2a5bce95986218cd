"""benchmarks/peers.py apart from running other libraries: selection of passages, ratios, tables, plot and protocol."""

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))
import peers  # noqa: E402
import peers_material as material  # noqa: E402
import peers_report as report  # noqa: E402

from rag.evaluation.question_sets import Question  # noqa: E402


def system(name: str, seconds: list[float], queries: list[float], variant: Any = "plain", **values: Any) -> dict[str, Any]:
    built = [{"passages": 100, "seconds": each, "cpu": each} for each in seconds]
    asked = [{"seconds": [each, each, 9.0], "cpu": 1.0} for each in queries]
    rest = {"started": 2.0, "peak": 204800, "children": 0, "bytes": 2**20, "nDCG@10": 0.5, "versions": {}, "notes": {}}
    return {"system": name, "variant": variant, "label": name, "build": built, "query": asked} | rest | values


@pytest.fixture
def result() -> dict[str, Any]:
    return {
        "date": "2026-01-02T03:04:05+00:00",
        "command": "python benchmarks/peers.py SET",
        "machine": report.machine(),
        "threads": 2,
        "set": {"name": "a set", "documents": 3, "passages": 200, "characters": 2000, "questions": 4},
        "pilot": {"txtai": {v: {"passages_per_second": r, "query": 0.02} for v, r in (("plain", 10.0), ("tuned", 20.0))}},
        "systems": [
            system(
                "ours", [1.0, 2.0], [0.010, 0.010], peak=102400, children=51200, **{"nDCG@10": 0.6, "notes": {"backend": "int8"}}
            ),
            system("ours-passages", [0.5, 1.0], [0.005, 0.004]),
            system("txtai", [4.0, 5.0], [0.020, 0.050], "tuned", versions={"torch": "2", "txtai": "9"}),
            system("haystack", [5.0, 4.0], [0.040, 0.040], versions={"torch": "2", "haystack-ai": "3"}),
        ],
    }


def test_ratios_are_against_the_fastest_peer_of_each_repetition(result: dict[str, Any]) -> None:
    table = report.ratio_table(result)
    # 100/1 to 100/4, then 100/2 to 100/4: 4 and 2, although no peer was the faster both times
    assert "| passages a second, from files / fastest peer | 3.00 (2.00 to 4.00) |" in table
    assert "| passages a second, from ready passages / fastest peer | 6.00 (4.00 to 8.00) |" in table
    assert "| query p50, fastest peer / ours (vectors and BM25) | 3.00 (2.00 to 4.00) |" in table
    assert "| query p50, fastest peer / ours by vectors alone | 7.00 (4.00 to 10.00) |" in table
    assert "| peak memory, ours from files / smallest peer | 0.75 |" in table  # 100 MB plus 50 MB of its children, to 200 MB
    assert "| nDCG@10, ours - best peer | +0.1000 |" in table


def test_the_rate_is_total_passages_over_total_time(result: dict[str, Any]) -> None:
    row = next(line for line in report.systems_table(result).splitlines() if "**ours**" in line)
    assert row.startswith("| **ours**, from files | 66.7 (50.0 to 100.0) | 10.0 |")


def test_the_report_shows_every_measurement(result: dict[str, Any]) -> None:
    text = report.tables(result)
    for label in ("txtai, waiting passively", "haystack-ai 3", "torch 2", "our embedding.backend int8"):
        assert label in text
    assert "| txtai | 10.0 / 20.0 | 20.0 / 20.0 |" in text
    assert len({line.count("|") for line in report.systems_table(result).splitlines()}) == 1


def test_the_longest_bar_of_the_plot_is_the_greatest_value(result: dict[str, Any]) -> None:
    plot = ET.fromstring(report.plot(result))  # noqa: S314 - our own SVG
    bars = [r for r in plot.iter("{http://www.w3.org/2000/svg}rect") if r.get("height") == "18"]
    widths = [float(bar.get("width", 0)) for bar in bars]
    assert len(widths) == 8
    assert max(widths[:4]) == widths[1] and max(widths[4:]) == widths[6]  # ready passages; txtai's queries


def test_parts_are_filled_exactly_with_whole_documents() -> None:
    sizes = {"a": 3, "b": 2, "c": 3, "d": 4, "e": 1, "f": 1, "g": 1}
    split = ((name, [f"{name}{i}" for i in range(n)]) for name, n in sizes.items())
    parts = material.fill(split, [5, 5])
    assert [list(part) for part in parts] == [["a", "b"], ["c", "e", "f"]]
    assert [sum(map(len, part.values())) for part in parts] == [5, 5]


def test_documents_that_repeat_a_passage_are_omitted() -> None:
    split = iter([("a", ["x", "y"]), ("b", ["y"]), ("c", ["z", "z"]), ("d", ["w"])])
    assert [list(part) for part in material.fill(split, [3])] == [["a", "d"]]


def test_too_few_passages_are_an_error() -> None:
    with pytest.raises(SystemExit, match="only 2 passages of the 9"):
        material.fill(iter([("a", ["x", "y"])]), [9])


def test_documents_are_ranked_by_their_best_passage() -> None:
    questions = [Question("q", "?", relevance={"gold": 1})]
    given = material.Material([], {"d0": "other", "d1": "gold"}, questions)
    first = material.ndcg(given, [["d1#4", "d0#0"]])
    second = material.ndcg(given, [["d0#0", "d0#7", "d0#3", "d1#1"]])
    assert [first, second] == [1.0, pytest.approx(0.6309, abs=1e-4)]  # 1 / log2(3): second document, fourth passage


def test_every_variant_that_is_faster_at_something_is_run() -> None:
    slow, fast = {"passages_per_second": 10.0, "query": 0.02}, {"passages_per_second": 20.0, "query": 0.01}
    assert peers.faster({"plain": slow, "tuned": fast}) == ["tuned"]
    mixed = {"passages_per_second": 30.0, "query": 0.03}
    assert peers.faster({"plain": mixed, "tuned": fast}) == ["plain", "tuned"]


def test_peers_run_without_this_project_on_their_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "here")
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    peer, ours = peers.variables(3, ours=False), peers.variables(3, ours=True)
    assert "PYTHONPATH" not in peer and ours["PYTHONPATH"] == str(ROOT)
    assert peer["OMP_NUM_THREADS"] == "3" and peer["HF_HUB_OFFLINE"] == "1" and "OMP_WAIT_POLICY" not in peer


def test_memory_of_child_processes_is_counted() -> None:
    if not Path("/proc/self/task").is_dir():
        pytest.skip("needs /proc")
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'b = bytes(2**26); b = b + b; print(1, flush=True); input()'])"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        assert 100_000 < peers.children_memory(parent.pid) < 400_000
        parent.communicate(b"\n")
    assert peers.children_memory(parent.pid) == 0


def test_every_peer_has_pinned_requirements_with_torch_first() -> None:
    for peer in peers.PEERS:
        lines = (peers.HERE / f"{peer}.txt").read_text().split()
        assert lines[0].startswith("torch==") and all("==" in line for line in lines)
        assert set(report.LIBRARIES[peer]) <= {line.split("==")[0] for line in lines}


def test_a_worker_that_stops_reports_its_error(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="(?s)nobody has stopped:.*KeyError: 'nobody'"):
        peers.Worker("nobody", "plain", Path(sys.executable), tmp_path / "worker", 1, None)


@pytest.mark.slow
def test_the_benchmark_runs_end_to_end_for_our_systems(tmp_path: Path) -> None:
    (tmp_path / "set" / "qrels").mkdir(parents=True)
    parts = ["nerves", "muscles", "bones", "hearts", "lungs", "eyes"]
    lines = [{"_id": f"{i}", "title": f"On {part}", "text": f"All about {part} of mice."} for i, part in enumerate(parts)]
    (tmp_path / "set" / "corpus.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    queries = [{"_id": f"q{i}", "text": f"What is said of {part}?"} for i, part in enumerate(parts)]
    (tmp_path / "set" / "queries.jsonl").write_text("".join(json.dumps(line) + "\n" for line in queries))
    qrels = "".join(f"q{i}\t{i}\t1\n" for i in range(len(parts)))
    (tmp_path / "set" / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + qrels)
    command = [sys.executable, str(ROOT / "benchmarks" / "peers.py"), str(tmp_path / "set"), "--out", str(tmp_path / "out")]
    command += ["--environments", str(tmp_path / "none"), "--passages", "6", "--repetitions", "2", "--queries", "4", "--peers"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    figures = json.loads((tmp_path / "out" / "peers.json").read_text())
    assert [(row["system"], row["nDCG@10"]) for row in figures["systems"]] == [("ours", 1.0), ("ours-passages", 1.0)]
    assert [len(part["seconds"]) for row in figures["systems"] for part in row["query"]] == [4] * 4
    assert all(row["bytes"] > 6 * 384 * 4 and row["peak"] > 100_000 for row in figures["systems"])
    assert str(tmp_path) not in figures["command"]


@pytest.mark.slow
def test_an_index_of_many_documents_is_made_and_opened(tmp_path: Path) -> None:
    """The benchmark writes every file that loading an index requires."""
    command = [sys.executable, str(ROOT / "benchmarks" / "catalogue.py"), str(tmp_path), "--documents", "300"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    steps = {values["step"]: values for values in map(json.loads, done.stdout.splitlines())}
    assert list(steps) == ["make", "manifest", "local", "remote"]
    assert 300 <= steps["make"]["passages"] <= 3000 and steps["local"]["peak MB"] > steps["manifest"]["load own MB"]
