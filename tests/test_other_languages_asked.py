"""Questions in languages that the trained reader does not know: recognised, read by similarity, and said so."""

from pathlib import Path

import pytest

from rag.answering.abstention import reason_for
from rag.config import Settings
from rag.conversation import Chat
from rag.index.updating import Recipe, update_index
from rag.models.embedder import ModelEmbedder
from rag.reader.similarity_reader import SimilarityReader
from rag.text.question_language import foreign_language
from tests.conftest import index_of


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("Wie viele Urlaubstage habe ich?", "German"),
        ("Was kostet das?", "German"),
        ("Wo finde ich den Schlüssel?", "German"),
        ("Combien de jours de congé ai-je ?", "French"),
        ("Où est la clé ?", "French"),
        ("Qu'est-ce que la dénervation ?", "French"),
        ("¿Cuántos días de vacaciones tengo?", "Spanish"),
        ("¿Dónde está la llave?", "Spanish"),
        ("Quanti giorni di ferie ho con il contratto?", "Italian"),
        ("年假有多少天？", "Cjk"),
        ("Сколько дней отпуска?", "Cyrillic"),
        ("What does Wallerian degeneration mean?", None),
        ("What is Guillain-Barré syndrome?", None),
        ("What's Rotterdam's nickname?", None),
        ("Who wrote Le Petit Prince?", None),
        ("el niño", None),
        ("die cast", None),
        ("What does 神经 mean?", None),
        ("naïve café", None),
        ("", None),
    ],
)
def test_language_of_a_question(question: str, language: str | None) -> None:
    assert foreign_language(question) == language


CORPORA = {
    "urlaub.md": (
        "# Urlaubsordnung\n\nJeder Angestellte hat dreißig Urlaubstage im Jahr. Der Antrag muss bis zum Ende des Monats gestellt "
        "werden.\n\nDie Kantine öffnet um elf Uhr. Der Schlüssel zum Keller liegt beim Pförtner.\n",
        "Wie viele Urlaubstage hat jeder Angestellte?", "dreißig",
    ),
    "piscine.md": (
        "# Piscine municipale\n\nLa piscine ouvre à neuf heures du matin. L'entrée coûte quatre euros pour les adultes.\n\nLes "
        "chiens ne sont pas admis dans le bâtiment.\n",
        "Combien coûte l'entrée de la piscine pour les adultes ?", "quatre euros",
    ),
    "biblioteca.md": (
        "# Biblioteca\n\nLa biblioteca cierra a las ocho de la tarde. Los libros se prestan durante tres semanas.\n\nLa multa por "
        "cada día de retraso es de diez céntimos.\n",
        "¿Cuánto es la multa por cada día de retraso?", "diez céntimos",
    ),
    "图书馆.md": (
        "# 图书馆规定\n\n图书馆每天早上八点开门。\n\n借书期限为三个星期。\n\n逾期每天罚款一元。\n", "借书期限是多长时间？", "三个星期",
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", CORPORA)
def test_the_right_sentence_comes_first_and_nothing_is_claimed(name: str, embedder: ModelEmbedder, tmp_path: Path) -> None:
    text, question, wanted = CORPORA[name]
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / name).write_text(text, encoding="utf-8")
    settings = Settings(corpus=corpus, index=tmp_path / "index")
    update_index(corpus, settings.index, Recipe(embedder, settings.passages))
    chat = Chat(settings, embedder)
    answer = chat.ask(question)
    assert wanted in answer.citations[0].quote
    assert answer.strength is None and answer.expected_wrong is None
    assert "another language" in answer.message
    assert answer.citations == Chat(settings, embedder, SimilarityReader(embedder)).ask(question).citations


@pytest.mark.parametrize(
    ("text", "question", "reason"),
    [
        (CORPORA["urlaub.md"][0], "How many days off does each employee have?", "other_language"),
        (CORPORA["urlaub.md"][0], "Sinir hücreleri nasıl yenilenir?", "other_language"),
        (CORPORA["urlaub.md"][0], "Wie wachsen Zwiebeln im Garten?", "not_in_documents"),
        (CORPORA["urlaub.md"][0], "Wann öffnet die Kantine?", "near_miss"),
        (CORPORA["图书馆.md"][0], "肾脏有什么作用？", "not_in_documents"),
        (CORPORA["图书馆.md"][0], "How long can books be borrowed?", "other_language"),
        (
            "# Library\n\nThe library opens at eight and that is when the books are lent.\n",
            "Who feeds dolphins?",
            "not_in_documents",
        ),
    ],
)
def test_absence_is_claimed_only_in_the_language_of_the_documents(text: str, question: str, reason: str, tmp_path: Path) -> None:
    """Words of another language are in no document, whatever the documents say."""
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "a.md").write_text(text, encoding="utf-8")
    assert reason_for(question, index_of(tmp_path / "corpus")) == reason
