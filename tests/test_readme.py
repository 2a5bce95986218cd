"""Every command of the README is run, and its Python example too."""

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
README = (ROOT / "README.md").read_text(encoding="utf-8")


def fenced(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


COMMANDS = [line for block in fenced("sh") for line in block.splitlines()]


@pytest.fixture(scope="module")
def home(handbook: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with corpus/, index/ and something to add, as the README assumes; a copy, since its commands change things."""
    folder = tmp_path_factory.mktemp("home") / "home"
    shutil.copytree(handbook.corpus.parent, folder)
    (folder / "notes.txt").write_text("The physiotherapist comes on Tuesdays.")
    shutil.copytree(ROOT / "evaluation", folder / "evaluation")
    return folder


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("rag ") and "serve" not in c])
def test_rag_commands(command: str, home: Path) -> None:
    arguments = [sys.executable, "-m", "rag", *shlex.split(command)[1:]]
    ran = subprocess.run(arguments, cwd=home, input="How fast do nerves regrow?\n1\n\n", capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("make ")])
def test_make_targets_exist(command: str) -> None:
    subprocess.run([*shlex.split(command), "--dry-run"], cwd=ROOT, check=True, capture_output=True)


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


def test_the_python_example(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(home)
    (example,) = fenced("python")
    exec(example, {})  # noqa: S102 - the README's own words
    assert re.match(r"1 faq\.txt None Injured nerves grow back at about 1 mm a day", capsys.readouterr().out)


def test_settings_in_the_readme_are_settings(tmp_path: Path) -> None:
    from rag.config import load_settings

    (example,) = fenced("toml")
    Path("rag.toml").write_text(example, encoding="utf-8")  # conftest works in tmp_path
    assert load_settings().embedding.query_prefix == "query: "


def test_links_lead_somewhere() -> None:
    for page in [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *(ROOT / "docs").glob("*.md"),
        *(ROOT / "benchmarks").glob("*.md"),
    ]:
        for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
