"""Which words ask for an overview, and of what; all others are ordinary questions."""

from pathlib import Path

import pytest

from rag.answering.overview_requests import MOST_SENTENCES, request_in
from rag.answering.overview_targets import InHand, target_of
from rag.errors import DocumentError
from rag.index.contents import Index
from tests.conftest import ReadHere, index_of

MANUAL, LEAVE, PAY, NERVE = "manuals/brisa-500.md", "policies/hr-leave.md", "policies/hr-pay.md", "n7.md"
CARPAL, REPORT_23, REPORT_24 = "cts.md", "reports/2023.md", "reports/2024.md"
FILES = {
    MANUAL: "# Maintenance manual for the Brisa 500\n\n## Chapter 1: Safety\n\nSwitch the fan off before you open it.\n\n"
    "## Chapter 2: Filters\n\nThe filter is washed once a month in warm water.\n\n### Coarse filter\n\nThe coarse filter stops hair.\n\n"
    "## Appendix A: Spare parts\n\nSpare parts are sold by the dealer.\n",
    LEAVE: "# Leave policy\n\n## 1 Annual leave\n\nStaff have 25 days of annual leave.\n\n## 2 Sick leave\n\nSick staff call before nine.\n",
    PAY: "# Pay policy\n\n## Bonuses\n\nBonuses are paid in March.\n",
    NERVE: "# Nerve repair and grafting\n\nNerve repair joins the ends of a cut nerve.\n",
    CARPAL: "# Carpal tunnel syndrome\n\n## Treatment\n\nA splint at night is the first treatment.\n",
    REPORT_23: "# Annual report 2023\n\nSales rose by 4% in the year.\n",
    REPORT_24: "# Annual report 2024\n\nSales fell by 2% in the year.\n",
}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    folder: Path = tmp_path_factory.mktemp("corpus")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return index_of(ReadHere(folder))


def asked_of(question: str, index: Index, hand: InHand | None = None) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    request = request_in(question)
    target = target_of(request, index, hand or InHand()) if request else None
    return (target.documents, target.headings) if target else None


@pytest.mark.parametrize(
    ("question", "document"),
    [
        ("summary of the maintenance manual", MANUAL),
        ("What is the maintenance manual about?", MANUAL),
        ("what's the Brisa manual about", MANUAL),
        ("Summarise the Maintenance manual for the Brisa 500", MANUAL),
        ("Could you please summarize the maintenence manual for the Brisa 500?", MANUAL),
        ("What does the leave policy say?", LEAVE),
        ("give me a short overview of the leave policy, please", LEAVE),
        ("Overview of policies/hr-leave.md", LEAVE),
        ("tl;dr hr-leave.md", LEAVE),
        ("What is in hr-leave.md?", LEAVE),
        ("what topics does the pay policy cover?", PAY),
        ("Which subjects are covered in the pay policy?", PAY),
        ("key points of the pay policy", PAY),
        ("pay policy summary", PAY),
        ("What can I find in the pay policy?", PAY),
        ("Outline of Nerve repair and grafting", NERVE),
        ("Give an overview of nerve repair and grafting", NERVE),
        ("summary of the nerve repair document", NERVE),
        ("Overview of Carpal tunnel syndrome", CARPAL),
        ("Summarize cts", CARPAL),
        ("What is the summary of carpal tunnel syndrome?", CARPAL),
        ("overview of carpal tunel syndrme", CARPAL),
        ("Annual report 2023 overview", REPORT_23),
        ("I'd like a summary of the 2024 report in five sentences", REPORT_24),
        ("Zusammenfassung von hr-leave.md", LEAVE),
        ("Worum geht es in Leave policy?", LEAVE),
        ("De quoi parle hr-pay.md ?", PAY),
        ("resumen de hr-pay.md", PAY),
        ("riassunto di hr-pay.md", PAY),
        ("aperçu de hr-pay.md", PAY),
        ("总结一下 hr-pay.md", PAY),
        ("hr-pay.md 的概览", PAY),
    ],
)
def test_a_document_that_is_named_is_meant(index: Index, question: str, document: str) -> None:
    assert asked_of(question, index) == ((document,), ())


@pytest.mark.parametrize(
    ("question", "documents", "headings"),
    [
        ("summarise chapter 2", (MANUAL,), ("Chapter 2: Filters",)),
        ("Summarize chapter 2 of the maintenance manual", (MANUAL,), ("Chapter 2: Filters",)),
        ("summary of appendix A", (MANUAL,), ("Appendix A: Spare parts",)),
        ("what is in section 2 of the leave policy", (LEAVE,), ("2 Sick leave",)),
        ("overview of the section on bonuses", (PAY,), ("Bonuses",)),
        ("summarise the bonuses section of the pay policy", (PAY,), ("Bonuses",)),
        ("overview of the folder policies", (LEAVE, PAY), ()),
        ("What is in the policies folder?", (LEAVE, PAY), ()),
        ("summary of reports/", (REPORT_23, REPORT_24), ()),
        ("What is in the reports folder?", (REPORT_23, REPORT_24), ()),
        ("Summarise all documents", tuple(sorted(FILES)), ()),
        ("What are these documents about?", tuple(sorted(FILES)), ()),
        ("overview of everything", tuple(sorted(FILES)), ()),
    ],
)
def test_sections_folders_and_all_documents(
    index: Index, question: str, documents: tuple[str, ...], headings: tuple[str, ...]
) -> None:
    assert asked_of(question, index) == (documents, headings)


@pytest.mark.parametrize(
    "question",
    [
        "What is in this document?",
        "Summarise this document",
        "summary of the document",
        "What is this file about?",
        "what does this policy say?",
        "What's in the selected document?",
        "overview of this paper in 5 sentences",
        "Was steht in diesem Dokument?",
        "de quoi parle ce document ?",
        "¿De qué trata este documento?",
    ],
)
def test_this_document_is_the_one_chosen_or_just_cited(index: Index, question: str) -> None:
    assert asked_of(question, index, InHand([PAY])) == ((PAY,), ())
    assert asked_of(question, index, InHand(cited=[PAY, PAY])) == ((PAY,), ())
    with pytest.raises(DocumentError, match="Which one do you mean: Pay policy .* Leave policy"):
        asked_of(question, index, InHand(cited=[PAY, LEAVE]))
    if "policy" not in question:
        with pytest.raises(DocumentError, match="Which document do you mean"):
            asked_of(question, index)


@pytest.mark.parametrize("question", ["Summary", "overview please", "give me a summary", "summarise it", "What's in it?"])
def test_words_that_name_nothing_need_a_chosen_document(index: Index, question: str) -> None:
    """After an answer, "summarise it" might mean the answer, so a citation is not enough."""
    assert asked_of(question, index, InHand([PAY])) == ((PAY,), ())
    assert asked_of(question, index, InHand(cited=[PAY])) is None
    assert asked_of(question, index) is None


@pytest.mark.parametrize(
    "question",
    [
        "What is the summary of the treatment of carpal tunnel?",
        "Give an overview of nerve repair",
        "Give me an overview of leave",
        "overview of the treatment of carpal tunnel syndrome",
        "What is a nerve graft?",
        "What is in the coarse filter?",
        "What is the Brisa 500 about to do?",
        "What does the doctor say?",
        "What does the filter do?",
        "What does the policy say about sick leave?",
        "What is carpal tunnel about?",
        "Summarise the treatment options",
        "summary of sales in 2024",
        "What is the main point of grafting?",
        "What do the staff have?",
        "What are the key points of washing the filter?",
        "outline of the nerve",
        "What are bonuses about?",
        "what is section leave",
        "Which document mentions bonuses?",
        "What documents do you have?",
        "How many days of annual leave do staff have?",
        "overview",
        "What can I find in the filter?",
        "What is in warm water?",
        "summarise chapter 9",
        "overview of the section on parental leave",
        "summary of the insurance guide",
        "overview of brisa 600 maintenance",
        "overview of nerve repair and drafting",
        "How is the report structured?",
        "tell me about the annual report",
        "What happened in 2023?",
        "Who wrote the manual?",
        "Is there an overview of nerve repair?",
        "When was the leave policy last updated?",
        "Where is the pay policy?",
        "Compare the leave policy and the pay policy",
        "What is said about leave in the policy?",
        "more about the manual",
        "summary of the maintenance",
        "summary of the report",
        "What does the study include?",
        "What does the law say?",
    ],
)
def test_other_words_are_an_ordinary_question(index: Index, question: str) -> None:
    assert asked_of(question, index) is None


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ("summary of the document", "Which document do you mean"),
        ("What does the annual report say?", "Which one do you mean: Annual report 2023"),
        ("summary of nothere.pdf", "I have no document called nothere.pdf."),
        ("summarise chapter 9 of the maintenance manual", "Maintenance manual for the Brisa 500 has no chapter 9."),
    ],
)
def test_what_is_unclear_or_missing_is_said(index: Index, question: str, message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        asked_of(question, index)


def test_only_the_documents_asked_are_looked_at(index: Index) -> None:
    assert asked_of("summary of the leave policy", index, InHand([PAY])) is None
    assert asked_of("overview of the folder policies", index, InHand([PAY, MANUAL])) == ((PAY,), ())
    assert asked_of("summarise chapter 2", index, InHand([PAY])) is None


@pytest.mark.parametrize(("words", "number"), [("5", 5), ("seven", 7), ("0", 1), ("99999", MOST_SENTENCES)])
def test_the_number_of_sentences_can_be_said(words: str, number: int) -> None:
    request = request_in(f"summary of hr-leave.md in {words} sentences")
    assert request is not None and (request.name, request.sentences) == ("hr-leave.md", number)


def test_a_long_text_is_no_request() -> None:
    assert request_in("summary of " + "x " * 200) is None
