"""The language of texts, and what follows from it: selections, listings, JSON."""

import subprocess
import sys
from pathlib import Path

import pytest

from rag.index.changes import corpus_changes
from rag.index.contents import Index
from rag.index.file_listing import chosen_files, list_files
from rag.text.languages import SAMPLE, SAMPLES, language_of
from rag.ui.conversation_view import document_choice_html
from tests.conftest import updated

TEXTS = {
    "de": "Der Nerv wächst nach der Verletzung etwa einen Millimeter am Tag. Die Muskeln werden schwächer, bis er sie erreicht.",
    "fr": "Le nerf repousse d'environ un millimètre par jour après la blessure. Les muscles s'affaiblissent jusqu'à son arrivée.",
    "es": "El nervio crece cerca de un milímetro al día después de la lesión. Los músculos se debilitan hasta que llega.",
    "it": "Il nervo ricresce di circa un millimetro al giorno dopo la lesione. I muscoli si indeboliscono finché non arriva.",
    "pt": "O nervo cresce cerca de um milímetro por dia depois da lesão. Os músculos enfraquecem até que ele chegue.",
    "nl": "De zenuw groeit na het letsel ongeveer een millimeter per dag. De spieren worden zwakker tot hij ze bereikt.",
    "ru": "После травмы нерв растёт примерно на миллиметр в день. Мышцы слабеют, пока он их не достигнет.",
    "uk": "Після травми нерв росте приблизно на міліметр на день. М'язи слабшають, поки він їх не досягне.",
    "tr": "Sinir, yaralanmadan sonra günde yaklaşık bir milimetre uzar. Kaslar, sinir onlara ulaşana kadar zayıflar.",
    "ar": "ينمو العصب بعد الإصابة نحو مليمتر واحد في اليوم. تضعف العضلات حتى يصل إليها.",
    "fa": "عصب پس از آسیب روزانه حدود یک میلی‌متر رشد می‌کند. ماهیچه‌ها تا رسیدن آن ضعیف می‌شوند.",
    "he": "העצב גדל אחרי הפגיעה כמילימטר אחד ביום. השרירים נחלשים עד שהוא מגיע אליהם.",
    "hi": "चोट के बाद तंत्रिका हर दिन लगभग एक मिलीमीटर बढ़ती है। उसके पहुँचने तक मांसपेशियाँ कमज़ोर होती जाती हैं।",
    "zh": "受伤后，神经每天大约生长一毫米。在神经到达之前，肌肉会变弱。",
    "ja": "損傷の後、神経は一日に約一ミリ伸びます。届くまで筋肉は弱くなります。",
    "ko": "부상 후 신경은 하루에 약 1밀리미터씩 자랍니다. 신경이 닿을 때까지 근육은 약해집니다.",
    "th": "หลังการบาดเจ็บ เส้นประสาทจะงอกประมาณหนึ่งมิลลิเมตรต่อวัน กล้ามเนื้อจะอ่อนแรงลงจนกว่าจะไปถึง",
    "el": "Μετά τον τραυματισμό το νεύρο μεγαλώνει περίπου ένα χιλιοστό την ημέρα. Οι μύες εξασθενούν.",
    "en": "After the injury the nerve grows about a millimetre a day. The muscles become weaker until it reaches them.",
}


@pytest.mark.parametrize("language", TEXTS)
def test_a_few_sentences_tell_the_language(language: str) -> None:
    assert language_of(TEXTS[language]) == language


@pytest.mark.parametrize("text", ["", " \n", "12.5 % (3/4)", "—", "https://example.org/der/die/das", "\U0001f600", "\ud800"])
def test_text_without_words_has_no_language(text: str) -> None:
    assert language_of(text) == ""


@pytest.mark.parametrize("text", ["Tesla", "EMG", "rhNGF RCT in DPN", "botulinum toxin versus neurectomy duration of effect"])
def test_names_and_terms_are_not_taken_for_a_language(text: str) -> None:
    assert language_of(text) in ("", "en")


def test_the_language_is_that_of_most_of_a_text() -> None:
    """A title page, a summary or a list of sources in another language does not decide."""
    german, english = (f"{TEXTS[language]}\n" for language in ("de", "en"))
    assert language_of(3 * english + 20 * german) == "de"
    assert language_of(3 * german + 20 * english) == "en"
    body = 40 * SAMPLES * SAMPLE // len(german)
    assert language_of(english * (body // 20) + german * body + english * (body // 20)) == "de"


def test_chinese_with_foreign_names_stays_chinese_and_japanese_needs_kana() -> None:
    assert language_of("Energiprojekt AB公司位于何处?") == "zh"
    assert language_of("特斯拉住在哪里？") == "zh"
    assert language_of("東京タワーはどこにありますか") == "ja"


@pytest.mark.parametrize("language", ["zh", "de", "ar"])
def test_addresses_and_long_runs_do_not_hide_the_language(language: str) -> None:
    text = f"https://example.org/a/b {TEXTS[language]} /usr/lib/x a@b.example "
    assert language_of(text) == language
    chinese = f"{TEXTS['zh']}见https://example.org/a/b或C:/x/y，{TEXTS['zh']}" * 300
    assert language_of(chinese.replace(" ", "")) == "zh"
    assert language_of("x" * 50_000) == language_of("x" * 50_000)


def test_english_text_does_not_load_the_identifier() -> None:
    program = f"import sys; from rag.text.languages import language_of; assert language_of({TEXTS['en']!r}) == 'en'; " + (
        "assert 'py3langid' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Index]:
    """A corpus with a document in each language, and one in none."""
    folder = tmp_path_factory.mktemp("mixed")
    (folder / "corpus").mkdir()
    for language, text in TEXTS.items():
        (folder / "corpus" / f"{language}.txt").write_text(text, encoding="utf-8")
    (folder / "corpus" / "numbers.txt").write_text("12 14 17\n", encoding="utf-8")
    index, _ = updated(folder / "corpus", folder / "index")
    return folder / "corpus", index


def test_the_language_is_stored_with_each_document(mixed: tuple[Path, Index]) -> None:
    _, index = mixed
    expected = {f"{language}.txt": language for language in TEXTS} | {"numbers.txt": ""}
    assert {entry.id: entry.language for entry in index.manifest.corpus.documents} == expected
    assert {document.id: document.language for document in index.documents.values()} == expected
    assert index.manifest.corpus.languages == dict.fromkeys(sorted([*TEXTS, ""]), 1)


@pytest.mark.parametrize(
    "selection, expected",
    [
        (["language:de"], ["de.txt"]),
        (["language:DE", "language:zh"], ["de.txt", "zh.txt"]),
        (["language:fr", "e*.txt"], ["el.txt", "en.txt", "es.txt", "fr.txt"]),
        (["language:"], ["numbers.txt"]),
        (["language:xx"], []),
        (["language:d*"], []),
    ],
)
def test_documents_are_selected_by_language(mixed: tuple[Path, Index], selection: list[str], expected: list[str]) -> None:
    assert mixed[1].documents_of(selection) == expected


def test_the_page_finds_documents_by_language(mixed: tuple[Path, Index]) -> None:
    corpus, index = mixed
    files = list_files(corpus, index.manifest, corpus_changes(corpus, index.manifest.corpus))
    assert [file.id for file in chosen_files(files, "language:ru", "name", descending=False)] == ["ru.txt"]
    html = document_choice_html(list(index.entries.values()), set(), "language:ja")
    assert html.count("<input") == 2 and 'value="language:ja"' in html and 'value="ja.txt"' in html
