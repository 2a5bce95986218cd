"""Every command and example of the README and the pages in docs/ is run."""

import re
import shlex
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from rag.config import Settings
from tests.conftest import ROOT

pytestmark = pytest.mark.slow
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]


def fenced(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def commands(page: Path) -> list[str]:
    return [line for block in fenced(page, "sh") for line in block.splitlines()]


def with_language(language: str) -> list[object]:
    return [pytest.param(page, id=page.name) for page in PAGES if fenced(page, language)]


@pytest.fixture
def home(handbook: Settings, tmp_path: Path) -> Path:
    """A folder with corpus/, index/, evaluation/ a file to add and one of questions, as the pages assume. A third of the questions are left."""
    folder = tmp_path / "home"
    shutil.copytree(handbook.corpus.parent, folder)
    (folder / "notes.txt").write_text("The physiotherapist comes on Tuesdays.")
    (folder / "questions.txt").write_text("How fast do nerves regrow?\nWhat is neurapraxia?\n")
    shutil.copytree(ROOT / "evaluation", folder / "evaluation")
    queries = folder / "evaluation" / "denervation" / "queries.jsonl"
    queries.write_text("".join(queries.read_text(encoding="utf-8").splitlines(keepends=True)[::3]), encoding="utf-8")
    return folder


@pytest.mark.parametrize("page", with_language("sh"))
def test_commands_run(page: Path, home: Path) -> None:
    for command in commands(page):
        program, *arguments = shlex.split(command)
        if program == "make":
            subprocess.run([program, *arguments, "--dry-run"], cwd=ROOT, check=True, capture_output=True)
            continue
        assert program == "rag"
        ran = subprocess.run(
            [sys.executable, "-m", "rag", *arguments],
            cwd=home,
            input="How fast do nerves regrow?\n1\n\n",
            capture_output=True,
            text=True,
        )
        assert (command, ran.returncode, ran.stderr) == (command, 0, ""), ran.stdout
        assert ran.stdout


@pytest.mark.parametrize("page", with_language("python"))
def test_python_examples_run(page: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(home)
    for example in fenced(page, "python"):
        exec(example, {})  # noqa: S102 - our own example
        assert "Injured nerves grow back at about 1 mm a day" in capsys.readouterr().out


def test_the_first_example_is_short() -> None:
    (example,) = fenced(README, "python")
    assert len([line for line in example.splitlines() if line]) == 5


@pytest.mark.parametrize("start", [["-m", "rag", "serve"], [str(ROOT / "app.py")]], ids=["rag serve", "app.py"])
def test_serving_prints_the_address_and_stops_cleanly(start: list[str], home: Path) -> None:
    serving = subprocess.Popen(
        [sys.executable, *start, "--port", "0"], cwd=home, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert serving.stdout
        address = re.search(r"http://127\.0\.0\.1:\d+/", serving.stdout.readline())
        assert address, serving.communicate(timeout=5)
        for _ in range(50):
            with urllib.request.urlopen(address.group() + "healthz") as answer:  # noqa: S310 - our own server
                assert answer.status == 200
                break
            time.sleep(0.2)
    finally:
        serving.terminate()
        serving.communicate(timeout=30)
