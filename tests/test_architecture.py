"""The architecture: a module imports only from lower floors, is short enough to read at once, and does nothing on import."""

import ast
import re
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

import rag
from tests.conftest import HEAVY, ROOT, loaded_by

PACKAGE = ROOT / "rag"
FLOORS = [
    ["records", "errors", "cores", "numeric", "outbound", "translations"],
    ["config", "storage", "text", "wire", "templates"],
    ["loading", "models", "accounts"],
    ["index"],
    ["retrieval", "reader", "overview", "conflicts"],
    ["answering", "followups"],
    ["conversation", "sources"],
    ["evaluation", "review", "receipts", "question_queue", "word_export"],
    ["library"],
    ["ui"],
    ["server"],
    ["cli"],
    ["__main__"],
]
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")
VAGUE_NAMES = {"utils", "util", "core", "base", "manager", "service", "types", "constants", "helpers", "common", "misc"}
UNSAFE = (
    "import pickle",
    "trust_remote_code=True",
    "allow_pickle=True",
    "eval(",
    "exec(",
    "urlopen",
    "gr.load",
    "import requests",
)
MODULE_LINES, FUNCTION_LINES, CLASS_LINES = 349, 50, 150
TAG = re.compile(r"(?<!\?P)<(/?[a-zA-Z][\w-]*[\s>/]|!--|!doctype)", re.IGNORECASE)
# Imports every module of the package and prints what the imports changed.
IMPORT_EFFECTS = """
import importlib, os, pkgutil, sys, threading
import rag
folder = os.path.dirname(rag.__file__)
effects = []
def watch(event, arguments):
    if event == "sys.addaudithook":
        effects.append("installs an audit hook")
    elif event == "open" and str(arguments[0]).startswith(folder) and not str(arguments[0]).endswith((".py", ".pyc")):
        effects.append(f"opens {os.path.relpath(arguments[0], folder)}")
sys.addaudithook(watch)
before = dict(os.environ)
for module in pkgutil.walk_packages(rag.__path__, "rag."):
    importlib.import_module(module.name)
effects += [f"sets {name}" for name, value in os.environ.items() if before.get(name) != value]
effects += [f"starts {thread.name}" for thread in threading.enumerate() if thread is not threading.main_thread()]
print(*effects, sep="\\n")
"""


def module_name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


each_module = pytest.mark.parametrize("path", MODULES, ids=module_name)


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports(path: Path) -> list[ast.ImportFrom]:
    """The imports from the package itself, except its version."""
    nodes = [node for node in ast.walk(parsed(path)) if isinstance(node, ast.ImportFrom)]
    ours = [node for node in nodes if node.level or (node.module or "").split(".")[0] == "rag"]
    return [node for node in ours if (node.module, [alias.name for alias in node.names]) != ("rag", ["__version__"])]


def defined_names(path: Path) -> set[str]:
    names = set()
    for node in parsed(path).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


def built_markup(path: Path) -> list[int]:
    """The lines where a tag is part of an f-string, a concatenation, a `%` or a `format`."""
    lines = []
    for node in ast.walk(parsed(path)):
        parts: list[ast.expr] = []
        if not isinstance(node, ast.expr):
            continue
        if isinstance(node, ast.JoinedStr):
            parts = node.values
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mod):
            parts = [node.left, node.right]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("format", "join"):
            parts = [node.func.value]
        text = "\0".join(part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str))
        if TAG.search(text):
            lines.append(node.lineno)
    return lines


@each_module
def test_imports_point_down(path: Path) -> None:
    for node in imports(path):
        assert node.level == 0 and node.module != "rag", "import from the module that defines the name"
        target = (node.module or "").split(".")[1]
        if target != room(path):
            assert FLOOR_OF[target] < FLOOR_OF[room(path)], f"imports {node.module}"


@each_module
def test_names_are_imported_from_where_they_are_defined(path: Path) -> None:
    for node in imports(path):
        home = ROOT.joinpath(*(node.module or "").split(".")).with_suffix(".py")
        if home.exists():  # else a package, from which modules are imported
            assert {alias.name for alias in node.names} <= defined_names(home), f"from {node.module}"


@each_module
def test_modules_functions_and_classes_are_short(path: Path) -> None:
    sizes = [(module_name(path), len(path.read_text(encoding="utf-8").splitlines()), MODULE_LINES)]
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            limit = CLASS_LINES if isinstance(node, ast.ClassDef) else FUNCTION_LINES
            sizes.append((f"{module_name(path)}:{node.name}", (node.end_lineno or 0) - node.lineno + 1, limit))
    assert [name for name, lines, limit in sizes if lines > limit] == []


def test_file_names_are_specific_and_used_once() -> None:
    stems = Counter(path.stem for path in MODULES if path.stem != "__init__")
    assert not stems.keys() & VAGUE_NAMES
    assert [stem for stem, count in stems.items() if count > 1] == []


@each_module
def test_no_markup_is_built_from_strings(path: Path) -> None:
    """HTML and SVG come from templates, which escape what is inserted."""
    assert built_markup(path) == []


@pytest.mark.parametrize(
    "code", ['f"<p>{x}</p>"', '"<p>" + x', 'x + "</p>"', '"<b>%s</b>" % x', '"<b>{}</b>".format(x)', '"<br>".join(x)']
)
def test_markup_built_from_strings_is_recognised(code: str, tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(code)
    assert built_markup(tmp_path / "module.py") == [1]


@pytest.mark.slow
def test_importing_any_module_has_no_side_effects() -> None:
    """No environment variable, thread, audit hook or data file: all of that waits until something is called."""
    ran = subprocess.run([sys.executable, "-W", "ignore", "-c", IMPORT_EFFECTS], check=True, capture_output=True, text=True)
    assert ran.stdout.split() == []


@each_module
def test_nothing_that_runs_code_from_data_or_fetches(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert [word for word in UNSAFE if word in source] == []


def test_importing_the_package_loads_nothing_else() -> None:
    code = "import sys; before = {*sys.modules}; import rag; print(*sys.modules.keys() - before)"
    loaded = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True).split()
    assert {name for name in loaded if name.partition(".")[0] not in sys.stdlib_module_names} == {"rag"}


def test_help_loads_only_what_prints_it() -> None:
    """Settings, records and models are left to the commands that need them."""
    loaded = loaded_by("--help")
    assert {name for name in loaded if name.startswith("rag.") and not name.startswith("rag.cli")} == {"rag.errors"}
    assert not loaded & {*HEAVY, "numpy", "pydantic", "asyncio", "rich.markdown", "rich.progress", "rich.table"}


def test_public_names_are_few_and_can_be_imported() -> None:
    assert rag.__all__ == [
        "Answer", "Chat", "Citation", "Document", "Hit", "IndexMismatch", "IndexMissing", "Library", "Passage", "RagError", "Settings", "Span",
        "load_settings",
    ]  # fmt: skip
    assert len(rag.__all__) < 20
    for name in rag.__all__:
        assert getattr(rag, name).__name__ == name
