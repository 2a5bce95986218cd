"""SECURITY.md names tests that exist, dependencies have acceptable licences, and the operators' files start the real server."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

from rag.config import load_settings
from tests.conftest import ROOT

SECURITY = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
NAMED_TESTS = sorted(set(re.findall(r"`([\w/]+\.py)::(\w+)`", SECURITY)))


@pytest.mark.parametrize(("module", "name"), NAMED_TESTS)
def test_every_test_named_in_security_md_exists(module: str, name: str) -> None:
    tree = ast.parse((ROOT / "tests" / module).read_text(encoding="utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_row_marked_as_kept_names_a_test() -> None:
    rows = [line.split("|") for line in SECURITY.splitlines() if re.match(r"\| \d+ ", line)]
    assert {int(row[1].split()[0]) for row in rows} == set(range(1, 15))
    for row in rows:
        assert row[2].strip() in ("kept", "partly", "no")
        assert ("::" in row[4]) == (row[2].strip() != "no"), row[1]


def test_every_dependency_has_a_known_licence() -> None:
    table = (ROOT / "docs" / "licences.md").read_text(encoding="utf-8")
    licences = dict(re.findall(r"^\| (\S+) \| (.+) \|$", table, re.MULTILINE))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    required = {re.split(r"[^A-Za-z0-9_.-]", line)[0].lower() for line in project["dependencies"]}
    assert len(required) > 20 and required <= licences.keys()
    pinned = re.findall(r"^([A-Za-z0-9_.-]+)==", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted({name.lower() for name in pinned} - licences.keys()) == []  # also those of other systems and of GPUs
    copyleft = {name for name, licence in licences.items() if re.search(r"\bA?GPL|GNU (Affero )?General", licence)}
    assert copyleft <= {"docutils"}  # public domain and BSD; the GPL covers an Emacs mode that its wheel does not contain


@pytest.mark.parametrize("path", ["docs/rag.service", "docs/Containerfile"])
def test_service_and_container_start_the_server(path: str) -> None:
    assert "rag serve" in re.sub(r'", "', " ", (ROOT / path).read_text(encoding="utf-8"))


def test_settings_in_the_serving_guide_are_valid(tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```toml\n(.*?)^```", guide, re.DOTALL | re.MULTILINE)
    (tmp_path / "rag.toml").write_text(example, encoding="utf-8")
    assert load_settings().server.prefix == "/ask"
