"""The comparison of PDF libraries: its labels are complete, and its scores are those of a worked example."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT


@pytest.fixture(scope="module", autouse=True)
def _benchmarks_on_path() -> None:
    sys.path.append(str(ROOT / "benchmarks"))


def test_the_labels_are_enough_to_compare_with() -> None:
    pages = json.loads((ROOT / "benchmarks" / "pdf_layout" / "gold.json").read_text(encoding="utf-8"))["pages"]
    assert len(pages) >= 12
    assert sum(len(page.get("order", [])) for page in pages) >= 30
    assert sum(len(page.get("cells", [])) for page in pages) >= 40
    assert sum(len(page.get("headings", [])) for page in pages) >= 20
    words = [label for page in pages for pair in page.get("order", []) for label in pair]
    assert all(len(label.split()) <= 8 for label in words)  # identifies a line, without copying it


def test_scores_of_a_worked_example() -> None:
    from pdf_layout import Page, Score, score

    page = Page(
        "The first line ends and the sec-\nond begins. A third line.",
        [[["Nerve", "Days"], ["ulnar", "-680"], ["median", ""]], [["Nerve", "Root"], ["ulnar", "C8"]]],
        ["2 Healing of nerves", "Not a heading"],
    )
    label = {
        "order": [["and the sec", "ond begins"], ["first line ends", "A third"]],
        "cells": [
            {"row": "ulnar", "column": "Days", "value": "-680"},
            {"row": "ulnar", "column": "Days", "value": "680"},
            {"row": "ulnar", "column": "Days", "value": "C8"},
            {"row": "ulnar", "value": "C8"},
        ],
        "headings": ["Healing of nerves", "Causes"],
    }
    total = Score()
    missed = score(label, page, total)
    assert (total.order, total.cells, total.headings, total.false_headings) == (1, 2, 1, 1)
    assert len(missed) == 5
    assert score({"headings": ["Causes"]}, Page("Causes"), Score()) == []  # a library that reports no headings


def test_a_folder_without_the_files_is_reported(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "pdf_layout.py"), str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 1 and "of the labelled files: 2018-06-11" in run.stderr
