"""Terms by script and language."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.config import RetrievalSettings
from rag.index.contents import Index
from rag.index.scoring import lexical_scores
from rag.retrieval import retrieve
from rag.text.languages import spelled_alike
from rag.text.terms import content_words, terms
from tests.conftest import WordEmbedder, updated

EQUAL = [
    ("tr", "IŞIK", "ışık"),
    ("tr", "İSTANBUL", "istanbul"),
    ("tr", "I\u0307stanbul", "İstanbul"),
    ("tr", "Marconi'nin", "Marconi"),
    ("tr", "İzmir’de", "İZMİR"),
    ("de", "STRASSE", "Straße"),
    ("de", "Nerven", "Nerv"),
    ("de", "MUSKELN", "Muskeln"),
    ("el", "ΓΛΩΣΣΑ", "γλώσσα"),
    ("el", "ΝΌΣΟΣ", "νόσος"),
    ("el", "μύες", "ΜΥΕΣ"),
    ("fr", "l’énergie", "énergie"),
    ("fr", "qu'elle d'un nerf", "nerfs"),
    ("fr", "ENERGIE", "énergie"),
    ("es", "MÚSCULOS", "musculo"),
    ("it", "dell'arteria", "arterie"),
    ("pt", "infecção", "INFECÇÃO"),
    ("ru", "нервы", "НЕРВОВ"),
    ("ar", "مُدَرِّس", "مدرس"),
    ("ar", "العـــصب", "العصب"),
    ("ar", "٢٠٢٠", "2020"),
    ("fa", "كتاب", "کتاب"),
    ("fa", "۱۴۰۰", "1400"),
    ("he", "שָׁלוֹם", "שלום"),
    ("hi", "१९०१", "1901"),
    ("zh", "２０２０", "2020"),
    ("ja", "ﾆｭｰﾛﾝ", "ニューロン"),
    ("ko", "신경", "신경".encode().decode()),
    ("en", "Nerves", "NERVE"),
]


@pytest.mark.parametrize("language, text, same", EQUAL)
def test_spellings_and_forms_of_a_word_have_the_same_terms(language: str, text: str, same: str) -> None:
    assert terms(text, language) == terms(same, language) != []


@pytest.mark.parametrize(
    "language, text, other",
    [
        ("tr", "sınır", "sinir"),
        ("de", "Lunge", "Lange"),
        ("ru", "нерв", "нефть"),
        ("hi", "नस", "नसें क्या"),
        ("th", "ประสาท", "ประเทศ"),
    ],
)
def test_other_words_have_other_terms(language: str, text: str, other: str) -> None:
    assert terms(text, language) != terms(other, language)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("神经生长", ["神经", "经生", "生长"]),
        ("肌", ["肌"]),
        ("Energiprojekt AB公司位于2020年", ["energiprojekt", "ab", "公司", "司位", "位于", "2020", "年"]),
        ("エネルギー", ["エネ", "ネル", "ルギ", "ギー"]),
        ("부상 후", ["부상", "후"]),
        ("เส้น", ["เส้น"]),
        ("ไฟฟ้าแรง", ["ไฟฟ้า", "ฟ้าแร", "แรง"]),
        ("तंत्रिका", ["तंत्रिका"]),
        ("नरम ।", ["नरम"]),
    ],
)
def test_scripts_without_spaces_give_pairs_of_letters(text: str, expected: list[str]) -> None:
    """Whatever the document's language: a Chinese name within an English text too."""
    assert terms(text) == expected


def test_stop_words_are_those_of_the_language() -> None:
    assert terms("Wie lange war das Theater in Betrieb?", "de") == terms("lange Theater Betrieb", "de")
    assert terms("How long was the theatre open?", "en") == terms("long theatre open", "en")
    assert terms("die", "en") == ["die"] and terms("die", "de") == []
    assert terms("die", "") == ["die"]
    assert terms("habari za mishipa", "sw") == ["habari", "za", "mishipa"]


def test_a_long_text_without_spaces_gives_a_term_for_each_pair() -> None:
    text = "神经每天生长" * 5_000
    assert len(terms(text, "zh")) == len(text) - 1
    assert len(terms("x" * 30_000, "zh")) == 1


SCRIPTS = "Aßİςéя九ねカ한กेत्ع٣ש\u0301\u200d\u00ad👩🏽 .,·'’-_0１٢²Ⅷ㎏ﬁ"


@given(
    st.text(st.sampled_from(SCRIPTS) | st.characters(), max_size=60),
    st.sampled_from(["", "en", "de", "tr", "el", "zh", "th", "ar", "fr", "xx"]),
)
def test_terms_are_words_without_white_space(text: str, language: str) -> None:
    for term in terms(text, language):
        assert term and not any(map(str.isspace, term)) and "_" not in term
    assert terms(text, language) == terms(text, language)
    assert set(content_words(text, language)) <= {text[a:b] for a in range(len(text)) for b in range(a + 1, len(text) + 1)} | {
        word for part in text.split("_") for word in content_words(part, language)
    }


GERMAN = "Die Nerven wachsen nach der Verletzung langsam. Ein Muskel ohne Nerv wird schwach, und das dauert Monate."
ENGLISH = "The nerves grow slowly after the injury. They die if the muscle is not reached within months."
CHINESE = "受伤后，神经每天大约生长一毫米。在神经到达之前，肌肉会变弱。"


@pytest.fixture(scope="module")
def indexes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Index]:
    """Of the German documents, of the English ones, and of both with Chinese ones."""
    files = {
        "de": {"a.de.txt": GERMAN, "b.de.txt": "Der Antrag ist bis zum Ende des Monats zu stellen, und die Nerven liegen blank."},
        "en": {"a.en.txt": ENGLISH, "b.en.txt": "The form must be handed in by the end of the month, and that is all."},
    }
    files["all"] = files["de"] | files["en"] | {"a.zh.txt": CHINESE}
    made: dict[str, Index] = {}
    for name, texts in files.items():
        folder = tmp_path_factory.mktemp(name)
        (folder / "corpus").mkdir()
        for file, text in texts.items():
            (folder / "corpus" / file).write_text(text, encoding="utf-8")
        made[name], _ = updated(folder / "corpus", folder / "index")
    return made


def scores_of(index: Index, question: str) -> dict[str, float]:
    """BM25 with what the settings add, by document."""
    hits = retrieve(index, question, WordEmbedder().embed_query(question), RetrievalSettings(dense_weight=0))
    return {hit.passage.document_id: hit.score for hit in hits}


def test_the_index_knows_its_languages(indexes: dict[str, Index]) -> None:
    assert indexes["all"].languages == ("de", "en", "zh")
    assert [indexes["all"].languages[number] for number in indexes["all"].row_languages] == ["de", "en", "zh", "de", "en"]
    assert indexes["en"].languages == ("en",)


@pytest.mark.parametrize(
    "language, question", [("de", "Wie wächst ein Nerv nach der Verletzung?"), ("en", "How do the nerves grow?")]
)
def test_other_languages_change_no_score(indexes: dict[str, Index], language: str, question: str) -> None:
    """The statistics of a language are those of its documents alone."""
    alone, among = scores_of(indexes[language], question), scores_of(indexes["all"], question)
    assert alone and {name: score for name, score in among.items() if name in alone} == pytest.approx(alone)


@pytest.mark.parametrize(
    "question, best",
    [
        ("Wie wächst ein Nerv nach der Verletzung?", "a.de.txt"),
        ("When do the nerves die?", "a.en.txt"),
        ("神经每天生长多少？", "a.zh.txt"),
    ],
)
def test_a_question_is_analysed_as_the_documents_of_each_language(indexes: dict[str, Index], question: str, best: str) -> None:
    scores = scores_of(indexes["all"], question)
    assert max(scores, key=scores.__getitem__) == best


def test_words_count_only_where_the_languages_agree(indexes: dict[str, Index]) -> None:
    """ "die" is a verb in the English document and an article in the German ones."""
    index = indexes["all"]
    by_part = {part.language: lexical_scores(part, terms("die", part.language), RetrievalSettings()) for part in index.parts}
    assert [index.languages[index.row_languages[row]] for row in np.flatnonzero(by_part["en"])] == ["en"]
    assert not by_part["de"].any() and not by_part["zh"].any()
    assert scores_of(indexes["de"], "How do the nerves grow after the injury?") == dict.fromkeys(["a.de.txt", "b.de.txt"], 0.0)


def test_words_of_any_language_are_known(indexes: dict[str, Index]) -> None:
    index = indexes["all"]
    assert all(map(index.has, ["nerv", "Nerven", "grow", "神经"]))
    assert not any(map(index.has, ["theater", "肾脏", "der"]))
    assert index.idf("der") == 0 < index.idf("nerven") < index.idf("theater")


def test_documents_in_an_unknown_language_are_matched_with_every_question(tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    for name, text in {"a.txt": GERMAN, "b.txt": "Ärztehaus Nord 0711 4455", "c.txt": CHINESE}.items():
        (tmp_path / "corpus" / name).write_text(text, encoding="utf-8")
    index, _ = updated(tmp_path / "corpus", tmp_path / "index")
    assert set(index.languages) == {"de", "", "zh"}
    scores = scores_of(index, "Welche Nummer hat das Ärztehaus Nord?")
    assert max(scores, key=scores.__getitem__) == "b.txt"
    assert index.has("ärztehaus") and index.has("nerven")


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Energiprojekt AB公司位于2020年何处?", "Energiprojekt AB 2020"),
        ("Wer gewann 2000 die Ekstraklasa-Meisterschaft?", "2000 Ekstraklasa-Meisterschaft"),
        ("When did Tesla move to New York?", "Tesla New York"),
        ("ما هو الرمز E-102؟", "E-102"),
        ("神经每天生长多少？", ""),
        ("", ""),
    ],
)
def test_names_and_numbers_are_spelled_alike_in_all_languages(question: str, expected: str) -> None:
    assert spelled_alike(question) == expected


def test_names_and_numbers_help_in_another_language_and_other_words_do_not(tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    for name, text in {
        "a.txt": f"Nikola Tesla war bis 1886 hier. {GERMAN}",
        "b.txt": f"In der Hand ist das gut. {GERMAN}",
    }.items():
        (tmp_path / "corpus" / name).write_text(text, encoding="utf-8")
    index, _ = updated(tmp_path / "corpus", tmp_path / "index")
    scores = scores_of(index, "When did the engineer Tesla leave?")
    assert scores["a.txt"] > scores["b.txt"] == 0
    assert set(scores_of(index, "When is the hand of the engineer well?").values()) == {0.0}
