"""The one-way flow of DESIGN: a room imports only from floors below its own, from the module that defines the name."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import HEAVY, ROOT, loaded_by

PACKAGE = ROOT / "rag"
FLOORS = {
    0: ["records", "errors", "cores"],
    1: ["config", "storage", "text", "wire"],
    2: ["loading", "models", "accounts"],
    3: ["index"],
    4: ["retrieval", "reader"],
    5: ["answering", "followups"],
    6: ["conversation"],
    7: ["evaluation", "receipts", "sources"],
    8: ["library"],
    9: ["ui"],
    10: ["server"],
    11: ["cli"],
    12: ["__main__"],
}
FLOOR_OF = {room: floor for floor, rooms in FLOORS.items() for room in rooms}
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")
VAGUE = {"utils", "util", "core", "base", "manager", "service", "types", "constants", "helpers", "common", "misc"}


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports(path: Path) -> list[ast.ImportFrom]:
    return [
        n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.ImportFrom) and (n.module or "").startswith("rag")
    ]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    for node in imports(path):
        if node.module == "rag" and [alias.name for alias in node.names] == ["__version__"]:
            continue
        assert node.level == 0 and node.module != "rag", "import from the module that defines the name"
        target = (node.module or "").split(".")[1]
        if target != room(path):
            assert FLOOR_OF[target] < FLOOR_OF[room(path)], f"{path.name} imports {node.module}"


def test_names_are_imported_from_where_they_are_defined() -> None:
    for path in MODULES:
        for node in imports(path):
            parts = (node.module or "").split(".")[1:]
            if not parts:
                continue  # rag.__version__
            home = PACKAGE.joinpath(*parts).with_suffix(".py")
            if not home.exists():
                continue  # a package: its modules are named
            tree = ast.parse(home.read_text())
            defined = {n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)}
            defined |= {t.id for n in tree.body if isinstance(n, ast.Assign) for t in n.targets if isinstance(t, ast.Name)}
            defined |= {n.target.id for n in tree.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)}
            assert {alias.name for alias in node.names} <= defined, f"{path.name} from {node.module}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_modules_and_functions_are_read_in_one_sitting(path: Path) -> None:
    assert path.stem not in VAGUE
    assert len(path.read_text().splitlines()) < 400
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 60, f"{path.name}: {node.name}"


def test_nothing_that_runs_code_from_data_or_fetches() -> None:
    for path in MODULES:
        source = path.read_text()
        for word in (
            "import pickle",
            "trust_remote_code=True",
            "allow_pickle=True",
            "eval(",
            "exec(",
            "urlopen",
            "gr.load",
            "import requests",
        ):
            assert word not in source, f"{path.name} has {word}"


def test_importing_the_package_loads_nothing_else() -> None:
    code = "import sys; before = {*sys.modules}; import rag; print(*sys.modules.keys() - before)"
    loaded = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True).split()
    assert {name for name in loaded if name.partition(".")[0] not in sys.stdlib_module_names} == {"rag"}


def test_help_loads_what_prints_it_alone() -> None:
    """Settings, records and models are for commands that run."""
    loaded = loaded_by("--help")
    assert {name for name in loaded if name.startswith("rag.") and not name.startswith("rag.cli")} == {"rag.errors"}
    assert not loaded & {*HEAVY, "numpy", "pydantic", "asyncio", "rich.markdown", "rich.progress", "rich.table"}


def test_public_names_are_these_and_can_be_imported() -> None:
    import rag

    assert rag.__all__ == [
        "Answer", "Chat", "Citation", "Document", "Hit", "IndexMismatch", "IndexMissing", "Passage", "RagError", "Settings", "Span",
        "load_settings",
    ]  # fmt: skip
    for name in rag.__all__:
        assert getattr(rag, name).__name__ == name
