"""The page's views: what they show, and that no text of a document, user or run becomes markup."""

import re
from dataclasses import replace
from datetime import date
from functools import partial
from html import unescape
from html.parser import HTMLParser
from types import SimpleNamespace
from typing import Any

import pytest
from selectolax.lexbor import LexborHTMLParser

from rag.accounts.conversations import SavedConversation, SavedTurn
from rag.accounts.users import User
from rag.evaluation.measures import summarise
from rag.evaluation.question_sets import GoldSpan, Question
from rag.evaluation.run_comparison import Difference
from rag.evaluation.runs import Outcome, Run
from rag.index.changes import BuildRecord, Changes
from rag.index.entries import Entry
from rag.index.file_listing import ListedFile
from rag.index.manifest import Failure
from rag.receipts import ranges
from rag.records import Answer, Citation, FactList, Hit, Location, Overview, Passage, QuotedSentence, Span
from rag.templates import direction, render
from rag.translations import t
from rag.ui.answer_actions import Shown
from rag.ui.answer_view import answer_html, failed_answer_html
from rag.ui.calls import Act, Acts, Request, answer_call
from rag.ui.conversation_view import (
    conversations_html,
    document_choice_html,
    empty_page_html,
    language_of_question,
    turn_html,
    unsaved_turn_html,
)
from rag.ui.documents_view import (
    AddedFile,
    added_files_html,
    build_changes_html,
    files_html,
    index_state_html,
    job_html,
    no_index_html,
)
from rag.ui.evaluation_view import (
    ChangedQuestion,
    question_detail_html,
    question_sets_html,
    questions_html,
    run_comparison_html,
    runs_html,
)
from rag.ui.jobs import JobState

HOSTILE = (
    '"><img src=x onerror="alert(1)"> \'><b> </q></p></textarea></script><script>x</script> '
    "${window.x()} {{7*7}} {% raw %} **bold** $z$ &lt; \u202e & \"quotes\" 'single' `tick`"
)


def answer(*quotes: str, context: bool = False) -> Answer:
    citations = tuple(
        Citation(n, f"dir/{HOSTILE}.md", HOSTILE, Span(0, len(quote)), quote, 2, (HOSTILE,), "a" * 64)
        for n, quote in enumerate(quotes, 1)
    )
    sentences = tuple(QuotedSentence(quote, n, context and n == 1) for n, quote in enumerate(quotes, 1))
    return Answer("q", "q", sentences, citations, confidence=0.5, index="f" * 64, timings_ms={"total": 12.3})


class Elements(HTMLParser):
    """The elements of a page with their attributes, and all text: what a browser makes of it."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(str(html))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    @property
    def shape(self) -> list[tuple[str, set[str]]]:
        return [(tag, set(attributes)) for tag, attributes in self.elements]


def quoted(html: str) -> list[str]:
    """The text of each quoted sentence as a browser would show it."""
    quotes = re.findall(r'<span class="quote[^>]*>(<q>.*?)<button', html, re.DOTALL)
    return [unescape(re.sub(r"<[^>]*>", "", quote)) for quote in quotes]


def test_quotes_are_shown_exactly() -> None:
    for quote in (HOSTILE, "word", "Two words.", "line\nend here.", "x" * 200, "ends with space-like\u00a0end."):
        assert quoted(answer_html(answer(quote))) == [quote]


def test_the_answer_phrase_is_emphasised_across_both_parts_of_a_sentence() -> None:
    """The last word is set apart from the rest, and the phrase may begin before it and end within it."""
    text = "It lasts some two weeks, Anna"
    citation = Citation(1, "a.md", "A", Span(10, 39), text, 1, (), "a" * 64, answer_phrase=Span(28, 36))
    html = answer_html(Answer("q", "q", (QuotedSentence(text, 1),), (citation,), confidence=0.9))
    assert re.findall("<strong>(.*?)</strong>", html) == ["weeks, ", "A"]
    assert quoted(html) == [text]


def test_the_answer_phrase_is_emphasised_in_the_lead_only_and_not_if_it_is_most_of_the_sentence() -> None:
    def phrases(*spans: Span) -> list[str]:
        base = answer("A nerve grows one millimetre a day.", "Another grows two millimetres a day.")
        citations = tuple(replace(c, answer_phrase=span) for c, span in zip(base.citations, spans, strict=True))
        return re.findall("<strong>(.*?)</strong>", answer_html(replace(base, citations=citations)))

    assert phrases(Span(14, 28), Span(14, 29)) == ["one millimetre"]
    assert phrases(Span(2, 30), Span(14, 29)) == []


def cited(number: int, text: str, start: int, document: str = "a.md", **fields: Any) -> Citation:
    return Citation(number, document, document, Span(start, start + len(text)), text, None, (), "a" * 64, **fields)


def answer_of(*sentences: tuple[Citation, bool], **fields: Any) -> Answer:
    """Each sentence is given as its citation, and whether it is context."""
    quotes = tuple(QuotedSentence(citation.quote, citation.number, context) for citation, context in sentences)
    citations = tuple(sorted((citation for citation, _ in sentences), key=lambda citation: citation.number))
    return Answer("q", "q", quotes, citations, **({"confidence": 0.9} | fields))


def numbers(html: str) -> list[list[int]]:
    """The numbers after each quoted sentence."""
    spans = re.findall(r'<span class="together">(.*?)</span></span>', html, re.DOTALL)
    return [[int(number) for number in re.findall(r'data-number="(\d+)"', span)] for span in spans]


def test_equal_sentences_are_one_with_two_numbers() -> None:
    first, second, third = (
        cited(1, "Nerves regrow.", 0),
        cited(2, "Muscles waste.", 0, "b.md"),
        cited(3, "Nerves  regrow.", 9, "c.md"),
    )
    html = answer_html(answer_of((first, False), (second, False), (third, False)))
    assert numbers(html) == [[1, 3], [2]]
    contradicting = replace(third, differs=(1,))
    assert numbers(answer_html(answer_of((first, False), (second, False), (contradicting, False)))) == [[1], [2], [3]]


def paragraphs_of(html: str) -> list[list[str]]:
    return [
        quoted(paragraph)
        for paragraph in re.findall(r"<p(?: class=\"lead\")? dir=\"ltr\">(?:<span class=\"quote.*?)</p>", html, re.DOTALL)
    ]


def test_neighbouring_sentences_run_on_as_a_paragraph() -> None:
    lead, near = cited(1, "Nerves regrow.", 0), cited(2, "They do so slowly.", 15)
    far, after_far = cited(3, "Muscles waste.", 90), cited(4, "Then they scar.", 105)
    html = answer_html(answer_of((lead, False), (near, False), (far, False), (after_far, False)))
    assert paragraphs_of(html) == [["Nerves regrow."], ["They do so slowly."], ["Muscles waste.", "Then they scar."]]
    assert html.index("They do so") < html.index("More from the documents") < html.index("Muscles")


def test_context_belongs_to_the_paragraph_of_the_sentence_that_it_explains() -> None:
    context, lead = cited(1, "Axons are fibres.", 0), cited(2, "They regrow.", 50)
    assert paragraphs_of(answer_html(answer_of((context, True), (lead, False)))) == [["Axons are fibres.", "They regrow."]]


def test_at_most_three_paragraphs_follow_the_lead_and_the_rest_is_shown_on_request() -> None:
    sentences = [(cited(n, f"Sentence {n}.", 100 * n), False) for n in range(1, 7)]
    html = answer_html(answer_of(*sentences, more=(cited(7, "Sentence 7.", 700), cited(8, "Sentence 8.", 800))))
    shown, _, rest = html.partition("<details")
    assert quoted(shown) == [f"Sentence {n}." for n in range(1, 5)]
    assert '<span class="numbers">1–4</span>' in rest and '<span class="numbers">5–8</span>' in rest
    assert "Show 4 more" in rest and quoted(rest) == [f"Sentence {n}." for n in range(5, 9)]
    few = answer_html(answer_of(*sentences[:2], more=(cited(3, "Sentence 3.", 300),)))
    assert "Show 1 more" in few and quoted(few.partition("<details")[0]) == ["Sentence 1.", "Sentence 2."]


HEADER, DELTOID = "Muscle | Nerve | Roots", "Deltoid | Axillary | C5\\|C6"


def test_a_row_of_a_table_is_a_small_table_with_one_number() -> None:
    row = cited(1, DELTOID, 30, answer_phrase=Span(40, 48))
    html = answer_html(answer_of((cited(2, HEADER, 0), True), (row, False)))
    assert re.findall('<th scope="col">(.*?)</th>', html) == ["Muscle", "Nerve", "Roots"]
    assert re.findall('<td class="asked"><strong>(.*?)</strong></td>', html) == ["Axillary"]
    assert "<td>Deltoid</td>" in html and "<td>C5|C6</td>" in html
    assert re.findall(r'data-number="(\d+)"', html) == ["1"] and html.count('class="card"') == 1


def test_rows_below_the_same_header_make_one_table_and_prose_with_bars_none() -> None:
    first, second = cited(1, DELTOID, 30), cited(2, "Biceps | Musculocutaneous | C5", 60)
    html = answer_html(answer_of((cited(3, HEADER, 0), True), (first, False), (second, False)))
    assert html.count("<table") == 1 and html.count('<button type="button" class="cite"') == 2
    assert "<table" not in answer_html(answer_of((cited(1, "Either a | b or c.", 0), False)))


@pytest.mark.parametrize(
    ("strength", "words"),
    [
        ("strong", "Strong match"),
        ("fair", "Fair match – check the source"),
        ("weak", "Weak match – this may not answer your question"),
    ],
)
def test_the_strength_is_said_in_words(strength: Any, words: str) -> None:
    html = answer_html(replace(answer("One."), strength=strength, expected_wrong=0.07, measured_on="291 questions"))
    assert words in html and "7 of 100 answers with this confidence were wrong (291 questions)" in html
    assert f'class="answer {strength}"' in html


def test_quotes_on_request_are_not_judged() -> None:
    html = answer_html(answer_of((cited(1, "One.", 0), False), confidence=0.0))
    assert "Quoted as you asked" in html and "Confidence" not in html and 'class="lead"' not in html


def test_several_questions_get_an_answer_each_with_common_numbers_and_sources() -> None:
    first, second = cited(1, "Nerves regrow.", 0), cited(2, "Muscles waste.", 0, "b.md")
    parts = (
        replace(answer_of((first, False)), question="Do nerves regrow?"),
        replace(answer_of((second, False)), question="Do muscles waste?", strength="weak"),
        Answer("Who won?", "Who won?", reason="not_in_documents"),
    )
    html = answer_html(replace(answer_of((first, False), (second, False)), parts=parts))
    assert re.findall('<h3 class="part" dir="auto">(.*?)</h3>', html) == [part.question for part in parts]
    assert quoted(html) == ["Nerves regrow.", "Muscles waste."] and html.count('<ul class="sources"') == 1
    assert html.index("Do muscles waste?") < html.index("Weak match") < html.index("Who won?") < html.index('class="reason"')


def test_the_closest_sentences_of_a_refusal_are_whole_numbered_and_can_be_opened() -> None:
    closest = (cited(1, "Nerves regrow at last, and the sentence is long. " * 9, 5), cited(2, "Muscles waste.", 0, "b.md"))
    html = answer_html(Answer("q", "q", reason="near_miss", closest=closest))
    assert "Closest, not confirmed" in html and quoted(html) == [citation.quote for citation in closest]
    assert re.findall(r'data-number="(\d)"', html) == ["1", "2"] and 'class="lead"' not in html


def test_a_refusal_names_words_that_no_document_has_if_others_are_there() -> None:
    refused = Answer("q", "q", reason="near_miss", looked_for=("nerve", "zebra"), unknown=("zebra",))
    assert "Not in any document: zebra." in answer_html(refused)
    assert "Not in any" not in answer_html(replace(refused, looked_for=("zebra",)))


def test_a_misspelt_word_is_corrected_in_sight_and_can_be_searched_as_typed() -> None:
    given = replace(answer("One."), question="What are nervs?", corrected={"nervs": "nerves"})
    refused = Answer("What are Nervs?", "What are nerves?", reason="near_miss", corrected={"nervs": "nerves"})
    for shown in (given, refused):
        html = answer_html(shown, Shown(2))
        assert (
            '<b dir="auto">nerves</b> instead of <i dir="auto">nervs</i>' in html and 'value="written:2">Search as typed<' in html
        )


def test_what_earlier_turns_added_is_said_and_can_be_taken_back() -> None:
    html = answer_html(replace(answer("One."), question="How is it treated?", query="How is denervation treated?"), Shown(3))
    assert 'Continuing about <b dir="auto">denervation</b>' in html and 'value="written:3"' in html
    assert "Continuing" not in answer_html(replace(answer("One."), question="Nerves?", query="Nerves?"), Shown(0))


def test_an_abbreviation_spelled_out_is_a_correction_and_no_topic() -> None:
    spelled = replace(
        answer("One."), question="PVR limit?", query="post-void residual limit?", corrected={"PVR": "post-void residual"}
    )
    html = answer_html(spelled, Shown(1))
    assert '<b dir="auto">post-void residual</b> instead of <i dir="auto">PVR</i>' in html and "Continuing" not in html
    follow_up = replace(spelled, query="post-void residual limit and bladder?")
    assert 'Continuing about <b dir="auto">bladder</b>' in answer_html(follow_up, Shown(1))


def test_a_remark_about_an_answer_is_a_note_below_it() -> None:
    html = answer_html(replace(answer("One."), message="The list goes on."), Shown(0))
    assert '<p class="note">The list goes on.</p>' in html and "own words" not in html and 'value="copy:0"' in html


def test_a_reading_that_only_adds_a_title_is_not_offered() -> None:
    given = replace(answer("One."), query="What is it?", readings=("What is it (Ferns)?", "What is Italy?"))
    html = answer_html(given, Shown(0))
    assert "Ferns" not in html and 'value="ask:What is Italy?"' in html


def test_the_own_voice_is_marked() -> None:
    html = answer_html(Answer("q", "q", reason="about_program", message="I have 2 documents:\n- A\n- B"), Shown(0))
    assert "In the program’s own words" in html and html.count('class="listed"') == 2 and 'value="copy:0"' not in html


def test_nothing_of_a_document_becomes_markup() -> None:
    html = answer_html(answer(HOSTILE, "Second."))
    assert not {"img", "b", "script", "textarea", "a"} & {tag for tag, _ in Elements(html).elements}
    assert [tag for tag, _ in Elements(failed_answer_html(HOSTILE)).elements] == ["div", "p"]


def everywhere(text: str) -> dict[str, str]:
    """Every view with one text wherever a document, a user, a question or a run has one."""
    place = Location("a.md", text, Span(0, 3), text, 1, (text,), "b" * 64)
    citation = Citation(1, text, text, Span(0, 9), text, 1, (text,), "a" * 64, Span(2, 5), (place,), (2,))
    hit = Hit(Passage(text, Span(0, 3), text, (text,)), 0.5, 1)
    shown = Shown(0, [text], [1], "helpful", [text])
    listed = ListedFile(text, text, text, 1, 1, 0.0, "same as", text)
    changes = Changes(
        added=[text], changed=[text], removed=[text], unchanged=[], failed=[Failure(text, text)], duplicates=[], embedded=1
    )
    question = Question(text, text, answers=(GoldSpan("a.md", Span(0, 3), text),), history=({"speaker": text, "text": text},))
    outcome = Outcome(text, Answer(text, text, (), (citation,)), False, 0.5, (text,), {"total": 1.0}, hits=(hit,))
    run = Run(text, {}, summarise(text, {}, [question], {text: outcome}, {}), {})
    difference = Difference(text, 0.1, 0.2, 0.1, 0.5, (0.0, 0.2), 1, 0, 0)
    return {
        "answer": answer_html(
            Answer("q", text, (QuotedSentence(text, 1),), (citation,), readings=(text,), index=text), shown
        ),
        "abstention": answer_html(
            Answer("q", text, reason="near_miss", nearest=(hit,), looked_for=(text, "x"), unknown=(text,), readings=(text,), closest=(citation,)), shown
        ),
        "error": failed_answer_html(text),
        "empty page": empty_page_html(2, [text]),
        "turn": turn_html(SavedConversation("1", text, text, (SavedTurn(text, Answer(text, text, message=text), text, text),)), 0, None),
        "unsaved": unsaved_turn_html(text, Answer(text, text, message=text), text),
        "conversations": conversations_html([SavedConversation("1", text, text)], text, [text], words=text, today=date(2026, 1, 1)),
        "documents to choose from": document_choice_html([Entry(f"dir/{text}", text, text, 1, 0)], {text}, ""),
        "state": index_state_html(documents=1, passages=1, digest=text, changed=0, job=JobState(), building=text),
        "no index": no_index_html(text),
        "job": job_html(JobState(running=True, what=text, done=1, total=2)),
        "result": job_html(JobState(result=text, failed=True)),
        "files": files_html([listed], page=0, sort="name", descending=False, may_curate=True, prefix="/p"),
        "added": added_files_html([AddedFile(text, "failed", text)]),
        "changes": build_changes_html(BuildRecord(changes, text, 1.0)),
        "sets": question_sets_html([(text, text)]),
        "runs": runs_html([run], text, text),
        "comparison": run_comparison_html(run, [difference], [ChangedQuestion(text, text, text)]),
        "questions": questions_html([question], {text: outcome}, page=0),
        "detail": question_detail_html(question, outcome, {text: "c" * 64}),
        "facts": render("page/facts.html", facts={text: text}),
        "signed in": render("login.html", user=SimpleNamespace(name=text, role=text), prefix=""),
        "sign in": render("login.html", user=None, problem=text, prefix=""),
    }  # fmt: skip


@pytest.mark.parametrize("view", everywhere("x"))
def test_hostile_text_makes_no_element_or_attribute_in_any_view(view: str) -> None:
    """The page has the same elements and attributes as with a harmless text, and shows the hostile one literally."""
    shown, harmless = Elements(everywhere(HOSTILE)[view]), Elements(everywhere(re.sub(r"\S", "x", HOSTILE))[view])
    assert shown.shape == harmless.shape
    values = "\0".join(str(value) for _, attributes in shown.elements for value in attributes.values())
    assert HOSTILE in shown.text or HOSTILE in values
    assert "49" not in shown.text and "49" not in values


def test_each_sentence_has_its_number_and_reference() -> None:
    html = answer_html(answer("One.", "Two."))
    assert re.findall(r'class="cite" value="(a{64}:\d+:\d+):', html) == [f"{'a' * 64}:0:4"] * 2
    assert re.findall(r"</span>(\d)</button>", html) == ["1", "2"]


def test_sentences_of_one_place_share_a_card() -> None:
    assert '<span class="numbers">1, 2</span>' in answer_html(answer("One.", "Two."))
    assert '<span class="numbers">1–4</span>' in answer_html(answer("One.", "Two.", "Three.", "Four."))
    assert ranges([1, 2, 3, 5, 7, 8]) == "1–3, 5, 7, 8"


def test_context_is_marked() -> None:
    assert answer_html(answer("One.", "Two.", context=True)).count('class="quote context"') == 1


SAVE = [f"save:3:{form}" for form in ("html", "docx", "md", "json")]


@pytest.mark.parametrize(
    ("given", "buttons"),
    [
        (answer("One."), ["save:3:json", "copy:3", "judge:3:helpful", "judge:3:wrong", "judge:3:nothing", "choose:3", *SAVE, "watch:3", "same:3", "edit:3"]),
        (Answer("q", "q", reason="near_miss"), ["copy:3", "choose:3", "judge:3:nothing", *SAVE, "watch:3", "same:3", "edit:3"]),
        (Answer("hi", "hi", reason="greeting"), ["same:3", "edit:3"]),
        (Answer("q", "longer q", reason="near_miss", readings=("One?",)),
         ["written:3", "ask:One?", "copy:3", "choose:3", "judge:3:nothing", *SAVE, "watch:3", "same:3", "edit:3", "query:3"]),
        (Answer("q", "q", reason="near_miss"), ["everywhere:3", "copy:3", "choose:3", "judge:3:nothing", *SAVE, "watch:3", "same:3", "edit:3"]),
    ],
    ids=["answer", "abstention", "small talk", "rewritten", "narrowed"],
)  # fmt: skip
def test_buttons_of_an_answer(given: Answer, buttons: list[str]) -> None:
    documents = ["a.md"] if "everywhere:3" in buttons else []
    elements = Elements(answer_html(given, Shown(3, documents))).elements
    values = [
        attributes["value"]
        for tag, attributes in elements
        if tag == "button" and str(attributes.get("class")).split()[:1] == ["act"]
    ]
    assert values == buttons


def test_state_of_the_index() -> None:
    state = partial(index_state_html, documents=1, passages=5, digest="d" * 64)
    assert "1 document · </span>on this machine" in state(changed=0, job=JobState())
    assert "3 files changed" in state(changed=3, job=JobState())
    elsewhere = state(changed=3, job=JobState(), building=" (embedding 3 of <9>)")
    assert "updating (embedding 3 of &lt;9&gt;)" in elsewhere
    assert "updating, 33%" in state(changed=3, job=JobState(running=True, done=3, total=9))


def test_quotes_titles_and_questions_have_their_language_and_direction() -> None:
    arabic = "ينمو العصب مليمتر واحد في اليوم."
    citation = replace(cited(1, arabic, 0), language="ar", title="العصب")
    answer = answer_of((citation, False))
    page = LexborHTMLParser(answer_html(answer))
    quote, paragraph, card = (page.css_first(css) for css in (".quote", "p:has(.quote)", ".card .where"))
    assert quote is not None and paragraph is not None and card is not None
    assert (quote.attributes["lang"], quote.attributes["dir"]) == ("ar", "auto")
    assert paragraph.attributes["dir"] == "rtl"
    assert (card.attributes["lang"], card.attributes["dir"]) == ("ar", "rtl")
    assert language_of_question("كم ينمو العصب؟", answer) == "ar"
    assert language_of_question("¿Cuánto crece un nervio?", answer) == "es"
    assert language_of_question("How fast?", replace(answer, citations=())) == ""


@pytest.mark.parametrize(
    ("text", "expected"), [("50% العصب", "rtl"), ("(A) ب", "ltr"), ("12", "ltr"), ("", "ltr"), ("עצב", "rtl")]
)
def test_direction_is_that_of_the_first_letter(text: str, expected: str) -> None:
    assert direction(text) == expected


def test_the_page_is_in_the_language_of_whoever_asks() -> None:
    acts: Acts[None] = {"copy": Act(Request, lambda *_: {"html": t("Copy")})}
    said = {}
    for language in ("en", "de", "zh", "it", 5):
        said[language] = answer_call(acts, None, User("", "reader"), {"do": "copy", "lang": language})["html"]
    assert said == {"en": "Copy", "de": "Kopieren", "zh": "复制", "it": "Copy", 5: "Copy"}


def test_an_overview_is_shown_under_its_headings_with_its_facts_and_without_markup() -> None:
    base = answer(HOSTILE, "The pump moves 5 litres a day.")
    fact = replace(base.citations[1], number=3, answer_phrase=Span(15, 29))
    lists = (FactList("figures", (3,), 7),)
    overview = Overview(("a.md",), (), 20, 2, 2, 0.5, lists)
    shown = answer_html(replace(base, confidence=0.0, more=(fact,), overview=overview, message=f"Overview of {HOSTILE}"))
    page = Elements(shown)
    assert quoted(shown) == [HOSTILE, "The pump moves 5 litres a day."]
    assert [tag for tag, _ in page.elements].count("h3") == 1 and not {"img", "b", "script"} & {tag for tag, _ in page.elements}
    assert "5 litres a day" in page.text and "1 of 7" in page.text and f"Overview of {HOSTILE}" in page.text
    (button,) = [attributes for tag, attributes in page.elements if attributes.get("data-number") == "3"]
    assert (button["value"] or "").split(":")[1:3] == ["15", "29"], "the fact itself is marked, not its sentence"
    assert not any("card" in (attributes.get("class") or "") for _, attributes in page.elements)


def test_the_choice_of_documents_shows_the_chosen_ones_first_and_counts_the_rest() -> None:
    """The entries are read once. Folders and languages are those of all documents, matching or not."""
    entries = [Entry(f"dir-{n % 3}/{n:02}.md", f"Title {59 - n:02}", "", 1, 0, (), "de" if n % 2 else "") for n in range(60)]
    html = str(document_choice_html(iter(entries), {"dir-2/05.md"}, "DIR-"))
    values = re.findall(r'value="([^"]*)"', html)
    matching = sorted(entries, key=lambda entry: (entry.id != "dir-2/05.md", entry.title, entry.id))
    assert values == ["dir-0/", "dir-1/", "dir-2/", *(entry.id for entry in matching[:50])]
    assert "10 more" in html
    several = [*entries, Entry("x.md", "Farne", "", 1, 0, (), "en")]
    html = str(document_choice_html(iter(several), set(), "language:"))
    assert re.findall(r'value="([^"]*)"', html)[:2] == ["language:de", "language:en"] and "11 more" in html
    assert re.findall(r'value="([^"]*)"', str(document_choice_html(iter(several), set(), "farn"))) == ["x.md"]
