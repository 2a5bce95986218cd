from pathlib import Path

import pytest

from rag.config import load_settings
from rag.errors import SettingsError


def test_later_sources_take_precedence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The working directory is tmp_path (see conftest.py), so rag.toml is read from there."""
    Path("rag.toml").write_text('corpus = "from-file"\nindex = "from-file"\n[retrieval]\ndepth = 50\nk = 5\n')
    monkeypatch.setenv("RAG_INDEX", "from-environment")
    monkeypatch.setenv("RAG_RETRIEVAL__K", "7")
    settings = load_settings(index=Path("named"), corpus=None)
    assert (settings.corpus, settings.index) == (Path("from-file"), Path("named"))
    assert (settings.retrieval.depth, settings.retrieval.k) == (50, 7)
    assert settings.embedding.offline is True


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[retrieval]\ndepht = 50\n", r"retrieval\.depht"),
        ("[retrieval]\ndense_weight = 2\n", r"retrieval\.dense_weight = 2: .*less than or equal to 1"),
        ("colour = 'red'\n", "colour"),
        ("not toml", "rag.toml cannot be read"),
    ],
)
def test_an_invalid_setting_is_named_in_one_line(text: str, message: str) -> None:
    Path("rag.toml").write_text(text)
    with pytest.raises(SettingsError, match=message) as error:
        load_settings()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("RAG_CORPSU", "x", "RAG_CORPSU is not a setting"),
        ("RAG_RETRIEVAL__DEPHT", "5", r"retrieval\.depht"),
        ("RAG_RETRIEVAL", "abc", "retrieval = 'abc': .*RAG_RETRIEVAL"),
        ("RAG_SERVER__NAMES", "docs.example", r"server\.names = 'docs\.example': .*RAG_SERVER__NAMES"),
        ("RAG_CORPUS__DIR", "x", "corpus"),
    ],
)
def test_an_invalid_variable_is_named(variable: str, value: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=message):
        load_settings()


def test_numbers_booleans_and_lists_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("rag.toml").write_text('[server]\nport = 1\nnames = ["from-file"]\nworkers = 3\n')
    for variable, value in (
        ("RAG_EMBEDDING__OFFLINE", "false"),
        ("RAG_RETRIEVAL__DENSE_WEIGHT", "0.5"),
        ("RAG_PASSAGES__MAX_TOKENS", "64"),
        ("RAG_SERVER__NAMES", '["a.example", "b.example"]'),
        ("rag_server__port", "0"),
    ):
        monkeypatch.setenv(variable, value)
    settings = load_settings(retrieval={"k": 4})
    assert (settings.embedding.offline, settings.passages.max_tokens) == (False, 64)
    assert (settings.retrieval.dense_weight, settings.retrieval.k) == (0.5, 4)
    assert (settings.server.names, settings.server.port, settings.server.workers) == (("a.example", "b.example"), 0, 3)


@pytest.mark.parametrize("variable", ["RAG_CORPUS", "RAG_INDEX", "RAG_SERVER__USERS", "RAG_EVALUATION__RUNS"])
@pytest.mark.parametrize("value", ["", " "])
def test_an_empty_path_is_an_error(variable: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=f"must not be empty; check rag.toml, {variable}"):
        load_settings()


def test_the_index_section_holds_the_folder_and_where_the_index_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    """`index` alone is the folder, as it always was; each source may give either form."""
    Path("rag.toml").write_text('[index]\nfolder = "from-file"\nworkers = "ray"\nobjects = "s3://bucket/objects"\n')
    settings = load_settings()
    assert (settings.index, settings.scale.workers, settings.objects) == (Path("from-file"), "ray", "s3://bucket/objects")
    monkeypatch.setenv("RAG_INDEX__WORKERS", "ray://head.example:10001")
    monkeypatch.setenv("RAG_INDEX", "from-environment")
    settings = load_settings()
    assert (settings.index, settings.scale.workers) == (Path("from-environment"), "ray://head.example:10001")
    assert load_settings(index="named").index == Path("named")
    Path("rag.toml").write_text('index = "from-file"\n')
    assert load_settings().scale.workers == "ray://head.example:10001"


def test_objects_are_next_to_the_index_by_default() -> None:
    settings = load_settings(index="somewhere/index")
    assert settings.scale.workers == "local"
    assert settings.objects == str(Path("somewhere/index.objects").resolve())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[index]\nworkers = "Ray"\n', r"index\.workers = 'Ray': must be .*; check rag\.toml, RAG_INDEX__WORKERS"),
        ('[index]\nworkers = "ray://head"\n', r"index\.workers = 'ray://head': must be"),
        ('[index]\nobjects = ""\n', r"index\.objects = '': must not be empty"),
        ('[index]\nfolder = ""\n', r"index = '': must not be empty"),
        ('[index]\nworker = "ray"\n', r"index\.worker = 'ray'"),
        ('[scale]\nworkers = "ray"\n', r"scale is not a setting"),
    ],
)
def test_an_invalid_setting_of_the_index_section_is_named(text: str, message: str) -> None:
    Path("rag.toml").write_text(text)
    with pytest.raises(SettingsError, match=message):
        load_settings()
