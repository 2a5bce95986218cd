"""The README and the pages in docs/ are true: links, paths, settings, messages, figures, and how quotes are found in files."""

import ast
import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from rag.config import Settings, load_settings
from rag.loading.loader import load_document
from rag.text.passages import split_passages
from tests.conftest import ROOT, WordEmbedder
from tests.test_architecture import FLOORS

README = ROOT / "README.md"
PAGES = [
    README,
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    ROOT / "CHANGELOG.md",
    *(
        page
        for folder in ("docs", "benchmarks", "training", "evaluation", "index")
        for page in sorted((ROOT / folder).glob("*.md"))
    ),
]
FOLDERS = ("rag", "docs", "tests", "benchmarks", "training", "evaluation", "index", "corpus")
MADE_AT_RUN_TIME = ("index/CURRENT", "index/FORMER", "index/calibration.json", "index/embedded.journal")
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


@cache
def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def prose(page: Path) -> str:
    """The page without fenced code."""
    return re.sub(r"^```.*?^```", "", text_of(page), flags=re.DOTALL | re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_page
def test_links_lead_to_files_and_headings(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", prose(page)):
        name, _, anchor = target.partition("#")
        linked = (page.parent / name).resolve() if name else page
        assert linked.exists(), target
        if anchor:
            assert anchor in anchors(linked), target


@each_page
def test_paths_exist(page: Path) -> None:
    """What looks like a path of the repository in backticks, or in an indented diagram."""
    for quoted in re.findall(r"`([^`\n]+)`", prose(page)) + re.findall(r"^    .*$", prose(page), re.MULTILINE):
        for path in re.findall(rf"(?<![\w./-])((?:{'|'.join(FOLDERS)})/[\w./-]*\w)", quoted):
            if path not in MADE_AT_RUN_TIME and not re.search(r"[<{*…]", quoted.partition(path)[2][:2]):
                assert (ROOT / path).exists() or _generated(path), path


def _generated(path: str) -> bool:
    ignored = subprocess.run(["git", "check-ignore", "-q", path], cwd=ROOT, check=False)
    return ignored.returncode == 0


def test_readme_is_short_and_wrapped() -> None:
    lines = text_of(README).splitlines()
    assert len(lines) <= 150
    assert [line for line in lines if len(line) > 100 and not line.startswith("|")] == []


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"], ids=repr)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["no mark", "byte order mark"])
@pytest.mark.parametrize("name", ["notes.txt", "notes.md"])
def test_quotes_are_found_in_files_as_the_readme_says(name: str, mark: bytes, line_end: str, tmp_path: Path) -> None:
    """Emoji, characters outside the basic plane, decomposed accents and white space count as Python counts them."""
    lines = [
        "# Ferns 🌿",
        "",
        "A cafe\u0301 fern 👩‍🌾 grows.\u2028It is “𝔤reen”.",
        "",
        "İt needs\u00a0ﬁne soil.\fIt likes\ttabs.",
    ]
    file = tmp_path / name
    file.write_bytes(mark + line_end.join(lines).encode())
    (expression,) = re.findall(r"`(Path\(file\)\.read_text\(.*?\].*?)`", text_of(README))
    document = load_document(name, file.read_bytes())
    sentences = [
        s for passage in split_passages(document, count_tokens=WordEmbedder().count_tokens, limit=40) for s in passage.sentences
    ]
    assert len(sentences) >= 4
    for sentence in sentences:
        citation = type("Citation", (), {"span": sentence.span})
        quote = eval(expression, {"Path": Path, "file": file, "citation": citation})  # noqa: S307 - the README's own words
        assert quote == sentence.span.of(document.text) != ""


def documented_settings() -> dict[str, str]:
    """Setting to default, from the tables."""
    pages = text_of(ROOT / "docs" / "user-guide.md") + text_of(ROOT / "docs" / "serving.md")
    return {name: default.strip(" `") for name, default in re.findall(r"^\| `([a-z_.]+)` \|([^|]*)\|", pages, re.MULTILINE)}


def defaults(settings: BaseModel, prefix: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name in type(settings).model_fields:
        value: Any = getattr(settings, name)
        if isinstance(value, BaseModel):
            found |= defaults(value, "index." if name == "scale" else f"{prefix}{name}.")  # the section of both in rag.toml
        else:
            empty = value is None or value == ()
            found[prefix + name] = "" if empty else str(value).lower() if isinstance(value, bool) else _plain(value)
    return found


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def test_every_setting_is_documented_with_its_default() -> None:
    assert documented_settings() == defaults(Settings())


@each_page
def test_examples_of_settings_are_accepted(page: Path) -> None:
    for example in re.findall(r"^```toml\n(.*?)^```", text_of(page), re.DOTALL | re.MULTILINE):
        Path("rag.toml").write_text(example, encoding="utf-8")  # the tests run in a temporary folder
        load_settings()


def test_messages_in_troubleshooting_are_those_of_the_program() -> None:
    _, _, section = text_of(ROOT / "docs" / "user-guide.md").partition("## Troubleshooting")
    messages = " ".join(
        node.value
        for path in sorted((ROOT / "rag").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    rows = re.findall(r"^\| ([^|]*`[^|]*) \|", section, re.MULTILINE)
    assert len(rows) > 8
    for row in rows:
        for fragment in re.findall(r"`([^`]+)`", row):
            assert fragment in messages, fragment


def test_the_rooms_are_drawn_as_they_are() -> None:
    page = text_of(ROOT / "docs" / "architecture.md")
    drawn = re.findall(r"^    {1,3}(\d+)  (\S.*?)(?:   +(\S.*))?$", page, re.MULTILINE)
    assert [int(floor) for floor, *_ in drawn] == list(reversed(range(len(FLOORS) - 1)))
    for floor, *rest in drawn:
        words = re.findall(r"[a-z_]+", " ".join(rest))
        assert set(FLOORS[int(floor)]) <= set(words), floor


def test_the_laws_are_numbered() -> None:
    _, _, section = text_of(ROOT / "docs" / "architecture.md").partition("## The ten laws")
    assert re.findall(r"^(\d+)\. \*\*", section, re.MULTILINE) == [str(number) for number in range(1, 11)]


def test_quality_in_the_readme_is_that_of_the_stored_run() -> None:
    """The gate compares every later run with the stored one, so the figures cannot silently get worse."""
    stored = json.loads(text_of(ROOT / "evaluation" / "denervation" / "stored.json"))
    summary = stored["summary"]
    rows = re.findall(r"^\| [^|]+ \| ([\d.]+)(%?) \| `([^`]+)` \|$", text_of(README), re.MULTILINE)
    assert len(rows) >= 5
    for value, percent, measure in rows:
        part = next(part for part in ("retrieval", "answers", "abstention") if measure in summary[part])
        now = summary[part][measure]
        stated = f"{100 * now:.1f}" if percent else f"{now:.2f}"
        assert value == stated, f"update {measure} in README.md"
    date = re.search(r"-(\d{4})(\d\d)(\d\d)-", stored["name"])
    assert date and f"measured {'-'.join(date.groups())}" in " ".join(text_of(README).split())


def test_speed_in_the_readme_is_that_of_the_benchmarks() -> None:
    measured = re.sub(r"[*,]", "", text_of(ROOT / "benchmarks" / "README.md"))
    _, _, section = re.sub(r"[*,]", "", text_of(README)).partition("## How fast is it?")
    rows = re.findall(r"^\| .*? \| ([\d.]+) \| ([\d.]+) ms \| ([\d.]+) s \| (\d+) MB \| \.(\d+) \|$", section, re.MULTILINE)
    assert len(rows) == 6
    for speed, query, start, memory, ndcg in rows:
        row = rf"\| {speed} \([^|]*\| {query} \| [\d.]+ \| {start} \| {memory} \| [\d.]+ \| 0\.(\d+) \|"
        match = re.search(row, measured)
        assert match, (speed, query, start, memory)
        assert round(float(f"0.{match[1]}"), 3) == float(f"0.{ndcg}")


def test_every_command_is_documented() -> None:
    listed = subprocess.run([sys.executable, "-m", "rag", "--help"], check=True, capture_output=True, text=True).stdout
    _, _, names = listed.partition("Commands:\n")
    guide = text_of(ROOT / "docs" / "user-guide.md")
    for name in re.findall(r"^  (\w+) ", names, re.MULTILINE):
        assert f"`rag {name}" in guide


def test_labels_of_the_page_are_those_in_the_user_guide() -> None:
    sources = [path for folder in ("ui", "templates") for path in (ROOT / "rag" / folder).rglob("*") if path.is_file()]
    shown = "".join(path.read_text(encoding="utf-8") for path in sources if path.suffix in (".py", ".html", ".js"))
    _, _, section = text_of(ROOT / "docs" / "user-guide.md").partition("## The page")
    labels = re.findall(r"(?<!\*)\*([A-Z][^*]+)\*(?!\*)", section.partition("## Conversations")[0])
    assert len(labels) >= 4
    assert [label for label in map(" ".join, map(str.split, labels)) if label not in shown] == []


@each_page
def test_nothing_is_left_to_be_filled_in(page: Path) -> None:
    assert re.findall(r"@@|TODO|FIXME|TBD", text_of(page)) == []
