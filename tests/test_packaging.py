"""The distribution: its version and name, what the wheel and the sdist hold, the CI workflow, and the wheel in use."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import rag
from rag.config import load_settings
from tests.conftest import ROOT, loaded_by

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
WORKFLOW: dict[str, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc")
EXECUTABLES = "Scripts" if os.name == "nt" else "bin"
TEXT_TO_ANSWER = "How often should I repot a fern?\nRepot a fern every two years. Spring is the best season.\n"


def make_targets() -> set[str]:
    return set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def package_files(folder: Path) -> set[str]:
    """The files below `folder` that belong to the package, relative to the folder that holds it."""
    files = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(folder.parent).as_posix() for path in files}


def test_rag_version_prints_the_version_and_loads_as_little_as_help() -> None:
    assert loaded_by("--version") <= loaded_by("--help")
    ran = subprocess.run([sys.executable, "-m", "rag", "--version"], check=True, capture_output=True, text=True)
    assert ran.stdout == f"{rag.__version__}\n"


def test_the_version_is_stated_once_and_dated_in_the_changelog() -> None:
    assert "version" not in PROJECT and PROJECT["dynamic"] == ["version"]
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.*)$", changelog, re.MULTILINE)
    assert re.fullmatch(re.escape(rag.__version__) + r" – \d{4}-\d\d-\d\d", headings[0])


def test_install_commands_name_our_distribution() -> None:
    """`rag` on PyPI belongs to somebody else: nobody should install it by following our messages or documents."""
    name = PROJECT["name"]
    sources = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*"), *(ROOT / "rag").rglob("*.py"), *(ROOT / "rag").rglob("*.html")]
    commands = [
        command
        for path in sources
        if path.is_file() and path.suffix in (".md", ".py", ".html", ".service", "")
        for command in re.findall(r"pip install ([^`\n]*)", path.read_text(encoding="utf-8"))
    ]
    assert any(f"{name}[mcp]" in command for command in commands)
    for command in commands:
        assert not re.search(r"(?<![\w./-])rag(?![\w/-])", command), command


def test_the_workflow_runs_make_targets_on_three_systems_and_four_pythons() -> None:
    jobs = WORKFLOW["jobs"]
    assert jobs["check"]["strategy"]["matrix"] == {
        "os": ["ubuntu-latest", "macos-latest", "windows-latest"],
        "python": ["3.11", "3.12", "3.13", "3.14"],
    }
    commands = {name: "\n".join(step.get("run", "") for step in job["steps"]) for name, job in jobs.items()}
    assert re.findall(r"^make (\w+)", commands["check"], re.MULTILINE) == ["lint", "types", "fast"]
    assert re.findall(r"^make (\w+)", commands["suite"], re.MULTILINE) == ["coverage"]
    assert set(re.findall(r"\bmake (\w+)", "\n".join(commands.values()))) <= make_targets()


def test_classifiers_and_workflow_agree_on_python_versions() -> None:
    classified = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    assert classified == WORKFLOW["jobs"]["check"]["strategy"]["matrix"]["python"]
    assert PROJECT["requires-python"] == f">={classified[0]}"


def test_every_requirement_is_pinned_by_the_constraints_within_its_range() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = [Requirement(line) for line in lines]
    versions = {canonicalize_name(pin.name): next(iter(pin.specifier)).version for pin in pinned}
    wanted = [Requirement(line) for line in [*PROJECT["dependencies"], *sum(PROJECT["optional-dependencies"].values(), [])]]
    for requirement in wanted:
        if requirement.name != "torch":  # installed first, from the index of CPU builds
            assert requirement.specifier.contains(versions[canonicalize_name(requirement.name)]), requirement.name


def test_container_service_and_makefile_install_the_pinned_torch() -> None:
    (torch,) = (line for line in PROJECT["dependencies"] if line.startswith("torch"))
    for path in ("Makefile", "docs/Containerfile", ".github/workflows/ci.yml"):
        assert set(re.findall(r"torch==[\d.]+\d", (ROOT / path).read_text(encoding="utf-8"))) == {torch}, path


def test_the_compose_file_serves_the_page_on_loopback_from_the_containerfile() -> None:
    compose = yaml.safe_load((ROOT / "docs" / "compose.yaml").read_text(encoding="utf-8"))
    (service,) = compose["services"].values()
    assert (
        ROOT / "docs" / service["build"]["context"] / service["build"]["dockerfile"]
    ).resolve() == ROOT / "docs" / "Containerfile"
    assert service["ports"] == ["127.0.0.1:7860:7860"]
    container = (ROOT / "docs" / "Containerfile").read_text(encoding="utf-8")
    assert "EXPOSE 7860" in container
    (data,) = re.findall(r"^VOLUME (\S+)$", container, re.MULTILINE)
    assert [volume.rpartition(":")[2] for volume in service["volumes"]] == [data]


def test_the_compose_file_of_several_machines_refers_to_what_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    compose = yaml.safe_load((ROOT / "docs" / "scale-compose.yaml").read_text(encoding="utf-8"))
    services = compose["services"]
    for name, service in services.items():
        assert set(service.get("depends_on", ())) <= services.keys(), name
        assert {"inside", "outside"} >= set(service["networks"]), name
        assert {volume.partition(":")[0] for volume in service.get("volumes", ())} <= compose["volumes"].keys(), name
        assert {config["source"] for config in service.get("configs", ())} <= compose["configs"].keys(), name
        assert re.search(r":v?\d|:RELEASE\.\d", service.get("image", ":1")), f"{name}: an image without a version"
        assert (
            set(service.get("build", {"args": {}})["args"].get("EXTRAS", "mcp").split(","))
            <= PROJECT["optional-dependencies"].keys()
        )
        if "build" in service:
            assert (ROOT / "docs" / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
    assert compose["networks"]["inside"] == {"internal": True}
    assert services["proxy"]["ports"] == ["127.0.0.1:7860:8080"]
    assert not any("ports" in service for name, service in services.items() if name != "proxy")
    hosts = {*re.findall(r"server (\S+?):", compose["configs"]["nginx"]["content"])}
    for name in ("front-1", "front-2", "builder"):
        for variable, value in services[name]["environment"].items():
            if variable.startswith("RAG_"):
                monkeypatch.setenv(variable, value)
                hosts |= {*re.findall(r"://([\w-]+):", value)}
        settings = load_settings()
        assert settings.scale.workers == "ray://ray-head:10001"
    assert hosts == {"front-1", "front-2", "ray-head", "milvus-proxy"} <= services.keys()
    roles = [service["command"].split()[-1] for service in services.values() if "milvus run" in service.get("command", "")]
    assert sorted(roles) == ["datanode", "mixcoord", "proxy", "querynode", "querynode", "streamingnode"]


@pytest.mark.slow
def test_the_compose_file_starts_ray_with_options_that_it_has() -> None:
    scripts = pytest.importorskip("ray.scripts.scripts")
    known = {option for parameter in scripts.start.params for option in parameter.opts}
    commands = re.findall(r"ray start (.*)", (ROOT / "docs" / "scale-compose.yaml").read_text(encoding="utf-8"))
    assert len(commands) == 2
    for command in commands:
        assert {part for part in command.split() if part.startswith("--")} <= known


def test_the_container_copies_what_a_build_needs_and_passes_known_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    container = (ROOT / "docs" / "Containerfile").read_text(encoding="utf-8")
    copied = {name for line in re.findall(r"^COPY (.*)$", container, re.MULTILINE) for name in line.split()[:-1]}
    assert copied == {"pyproject.toml", "constraints.txt", "README.md", "LICENSE", "rag"}
    assert {PROJECT["readme"], *PROJECT["license-files"]} <= copied
    for path in ("docs/Containerfile", "docs/rag.service"):
        for name, value in re.findall(r"\b(RAG_\w+)=(\S+)", (ROOT / path).read_text(encoding="utf-8")):
            monkeypatch.setenv(name, value)
        assert load_settings().loading.processes == 2


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("dist")
    checkout = folder / "checkout"
    shutil.copytree(ROOT / "rag", checkout / "rag", ignore=IGNORED)
    for name in ("pyproject.toml", "MANIFEST.in", "README.md", "CHANGELOG.md", "LICENSE", "constraints.txt"):
        shutil.copy(ROOT / name, checkout)
    sdist = "from setuptools.build_meta import build_sdist; import sys; build_sdist(sys.argv[1])"
    subprocess.run([sys.executable, "-c", sdist, str(folder)], cwd=checkout, check=True, capture_output=True)
    (archive,) = folder.glob("*.tar.gz")
    wheel = ["wheel", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", str(folder), str(archive)]
    subprocess.run([sys.executable, "-m", "pip", *wheel], check=True, capture_output=True)
    return folder


@pytest.mark.slow
def test_wheel_and_sdist_hold_every_file_of_the_package(built: Path) -> None:
    expected = package_files(ROOT / "rag")
    assert {"rag/py.typed", "rag/reader/weights/reader.safetensors", "rag/ui/static/page.css"} <= expected
    (wheel,) = built.glob("*.whl")
    assert wheel.name == f"quoted_answers-{rag.__version__}-py3-none-any.whl"
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert names == expected
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        members = {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}
    assert expected | {"LICENSE", "README.md", "CHANGELOG.md", "constraints.txt", "pyproject.toml"} <= members


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The executables of a new environment that has the project from the wheel alone, and borrows our dependencies."""
    environment = tmp_path_factory.mktemp("clean") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    purelib = Path(sysconfig.get_path("purelib", "venv", {"base": str(environment), "platbase": str(environment)}))
    (wheel,) = built.glob("*.whl")
    install = ["--python", str(environment / EXECUTABLES / "python"), "install", "--no-deps", "--no-index", "--quiet", str(wheel)]
    subprocess.run([sys.executable, "-m", "pip", *install], check=True, capture_output=True)
    # A path in a .pth file is searched, but its own .pth files are not: our editable install stays invisible.
    (purelib / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n{sysconfig.get_path('platlib')}\n")
    return environment / EXECUTABLES


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: a corpus of one document, far from the checkout."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "ferns.txt").write_text(TEXT_TO_ANSWER)
    assert ROOT not in tmp_path.parents
    return tmp_path


@pytest.mark.slow
def test_the_installed_wheel_builds_answers_and_serves(installed: Path, elsewhere: Path) -> None:
    def output(*command: str) -> str:
        return subprocess.run([str(installed / command[0]), *command[1:]], check=True, capture_output=True, text=True).stdout

    where = Path(output("python", "-c", "import rag; print(rag.__file__)").strip())
    assert where.is_relative_to(installed.parent)
    assert output("rag", "--version") == f"{rag.__version__}\n"
    assert json.loads(output("rag", "build", "--json"))["added"] == ["ferns.txt"]
    answer = json.loads(output("rag", "ask", "How often should a fern be repotted?", "--json"))
    assert answer["text"].startswith("Repot a fern every two years. [1]")

    with subprocess.Popen([str(installed / "rag"), "serve", "--port", "0"], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            address = re.findall(r"http://127\.0\.0\.1:\d+/", server.stdout.readline())[0]
            assert "<html" in httpx.get(address, timeout=60).text
            response = httpx.post(f"{address}api/ask", json={"question": answer["question"]}, timeout=60)
            assert response.json()["text"] == answer["text"]
        finally:
            server.terminate()
