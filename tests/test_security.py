"""SECURITY.md names tests that there are, and what is installed may be used."""

import ast
import re
from pathlib import Path

import pytest

from tests.conftest import ROOT

SECURITY = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)::(\w+)`", SECURITY)))


@pytest.mark.parametrize(("module", "name"), NAMED)
def test_every_test_that_is_named_exists(module: str, name: str) -> None:
    tree = ast.parse((ROOT / "tests" / module).read_text(encoding="utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_row_that_is_kept_names_a_test() -> None:
    rows = [line.split("|") for line in SECURITY.splitlines() if re.match(r"\| \d+ ", line)]
    assert {int(row[1].split()[0]) for row in rows} == set(range(1, 15))
    for row in rows:
        assert row[2].strip() in ("kept", "partly", "no")
        assert ("::" in row[4]) == (row[2].strip() != "no"), row[1]


def test_every_dependency_has_a_known_licence() -> None:
    listed = dict(re.findall(r"^\| (\S+) \| (.+) \|$", (ROOT / "docs" / "licences.md").read_text(encoding="utf-8"), re.MULTILINE))
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    needed = re.findall(r'^    "([A-Za-z0-9-]+)', project.partition("[project.optional-dependencies]")[0], re.MULTILINE)
    assert {name.lower() for name in needed} <= listed.keys()
    copyleft = {name for name, licence in listed.items() if re.search(r"\bA?GPL|GNU (Affero )?General", licence)}
    assert copyleft <= {"docutils"}  # public domain and BSD but for an Emacs mode, which its package does not hold


@pytest.mark.parametrize("path", ["docs/rag.service", "docs/Containerfile"])
def test_what_is_shipped_for_operators_starts_what_there_is(path: str) -> None:
    assert "rag serve" in re.sub(r'", "', " ", (ROOT / path).read_text(encoding="utf-8"))
    assert Path(ROOT / "constraints.txt").exists()


def test_settings_in_the_guide_are_settings(tmp_path: Path) -> None:
    from rag.config import load_settings

    (example,) = re.findall(
        r"^```toml\n(.*?)^```", (ROOT / "docs" / "serving.md").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    (tmp_path / "rag.toml").write_text(example, encoding="utf-8")
    assert load_settings().server.prefix == "/ask"
