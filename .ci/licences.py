"""Writes docs/licences.md: the licence of every package that constraints.txt names, as the package itself states it."""

import re
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

ROOT = Path(__file__).parent.parent


def licence_of(name: str) -> str:
    """Empty where the package is not installed or states none."""
    try:
        about = metadata(name)
    except PackageNotFoundError:
        return ""
    stated = about.get("License-Expression") or ""
    classified = [line.rpartition(" :: ")[2] for line in about.get_all("Classifier") or [] if line.startswith("License")]
    short = (about.get("License") or "").strip().split("\n")[0]
    return stated or ", ".join(classified) or short[:60]


def main() -> None:
    pinned = re.findall(r"^([A-Za-z0-9_.-]+)==([^\s;]+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    wanted = re.findall(r'^    "([A-Za-z0-9_.-]+)', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    names = sorted({name.lower() for name, _ in pinned} | {name.lower() for name in wanted} - {"ruff", "mypy"} | {"torch"})
    rows = [f"| {name} | {licence} |" for name in names if (licence := licence_of(name))]
    head = "# Licences of what it needs\n\nMade by `make licences` from what the installed packages state.\n\n"
    head += "| package | licence |\n|---|---|\n"
    (ROOT / "docs" / "licences.md").write_text(head + "\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
