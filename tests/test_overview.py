"""Overviews: what is chosen, that it is exact, and how plain the odd cases are."""

import random
from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.answering.overview_answer import listed_facts, overview_of, sections_of
from rag.conversation import Chat
from rag.errors import DocumentError
from rag.overview.covering import cover
from rag.overview.facts import dates, defined_terms, figures
from rag.overview.greedy_cover import Unit, choose
from rag.overview.key_terms import key_terms
from rag.overview.statements import Placed, read
from rag.records import Answer, Block, BlockKind, Document, Passage, Span
from rag.text.leaning import leans_on_previous
from rag.text.passages import split_passages
from rag.text.terms import terms
from rag.wire import answer_from, answer_values
from tests.conftest import ReadHere, WordEmbedder, index_of
from tests.serving import word_chat


def passages_of(text: str, *, headings: bool = True) -> list[Passage]:
    """The passages of a text of paragraphs; those that begin with # are headings, with - items, with | rows of a table."""
    blocks, position = [], 0
    for line in text.split("\n"):
        span = Span(position, position + len(line))
        position = span.end + 1
        if not line.strip():
            continue
        if headings and line.startswith("#"):
            blocks.append(Block("heading", span, len(line) - len(line.lstrip("#"))))
        else:
            kind: BlockKind = "item" if line.startswith("- ") else "table" if line.startswith("|") else "paragraph"
            first_row = kind == "table" and (not blocks or blocks[-1].kind != "table")
            blocks.append(Block(kind, span, int(first_row)))
    document = Document("a.md", "A", text, tuple(blocks), "0" * 64)
    return split_passages(document, count_tokens=WordEmbedder().count_tokens, limit=60)


def placed_of(text: str) -> list[Placed]:
    return [Placed(passage, number) for passage in passages_of(text) for number in range(len(passage.sentences))]


def shown(text: str, budget: int = 12) -> list[str]:
    return [placed.text for placed, _ in cover([read(passages_of(text))], budget).quoted]


def weight_of(rows: Sequence[int], units: Sequence[Unit], weights: Sequence[int]) -> int:
    return sum(weights[concept] for concept in set().union(*(units[row].concepts for row in rows)))


@pytest.mark.parametrize("seed", range(60))
def test_greedy_is_near_the_best_of_all_choices(seed: int) -> None:
    """With units of one sentence and gains not scaled, at least 1 - 1/e of the best by brute force, and usually the best."""
    rng = random.Random(seed)
    weights = [rng.randint(1, 9) for _ in range(12)]
    units = [Unit((row,), frozenset(rng.sample(range(12), rng.randint(1, 5)))) for row in range(9)]
    chosen = choose(units, weights, dict.fromkeys(range(9), 1), 3, exponent=0.0)
    best = max(weight_of(rows, units, weights) for rows in combinations(range(9), 3))
    assert len(chosen) <= 3 and weight_of(chosen, units, weights) >= (1 - 1 / 2.7183) * best


def test_greedy_usually_finds_the_best_choice() -> None:
    hits = 0
    for seed in range(100):
        rng = random.Random(seed)
        weights = [rng.randint(1, 9) for _ in range(12)]
        units = [Unit((row,), frozenset(rng.sample(range(12), rng.randint(1, 5)))) for row in range(9)]
        chosen = choose(units, weights, dict.fromkeys(range(9), 1), 3, exponent=0.0)
        hits += weight_of(chosen, units, weights) == max(weight_of(r, units, weights) for r in combinations(range(9), 3))
    assert hits >= 70


@given(
    st.lists(
        st.tuples(st.integers(0, 14), st.integers(0, 2), st.frozensets(st.integers(0, 7), max_size=5), st.integers(0, 3)),
        max_size=12,
    ),
    st.integers(0, 8),
)
def test_choices_keep_to_the_budget_and_reach_every_group_that_fits(
    rows: list[tuple[int, int, frozenset[int], int]], budget: int
) -> None:
    units = [Unit(tuple(range(start, start + more + 1)), concepts, group) for start, more, concepts, group in rows]
    lengths = dict.fromkeys(range(20), 3)
    chosen = choose(units, [5, 1, 1, 2, 3, 1, 8, 1], lengths, budget)
    sentences = {sentence for row in chosen for sentence in units[row].sentences}
    assert chosen == sorted(set(chosen)) and len(sentences) <= budget
    with_one = {unit.group for unit in units if len(unit.sentences) == 1}
    if with_one == {unit.group for unit in units} and len(with_one) <= budget:
        assert {units[row].group for row in chosen} == with_one
    assert choose(units, [5, 1, 1, 2, 3, 1, 8, 1], lengths, budget) == chosen


def test_a_unit_that_adds_nothing_is_not_chosen() -> None:
    units = [Unit((0,), frozenset({0, 1})), Unit((1,), frozenset({1})), Unit((2,), frozenset({2}))]
    assert choose(units, [1, 1, 1], {0: 2, 1: 1, 2: 1}, 3) == [0, 2]


def test_context_that_two_units_share_counts_once() -> None:
    units = [Unit((0, 1), frozenset({0, 1})), Unit((0, 2), frozenset({0, 2})), Unit((3,), frozenset({0}))]
    assert choose(units, [1, 1, 1], dict.fromkeys(range(4), 1), 3) == [0, 1]


REPORT = """# Water
The pump moves water from the well to the tank every morning.
This keeps the tank full for two days of normal use.
It also cools the motor of the pump during hot weather.

# Power
The motor runs on solar power from six panels on the roof.
However, the panels give little power in December and January.

# Literature
Smith wrote a book on pumps and motors in 1999 for the general reader.
"""


def test_a_leaning_sentence_brings_what_it_leans_on() -> None:
    for budget in range(1, 8):
        sentences = shown(REPORT, budget)
        for sentence in sentences:
            if leans_on_previous(sentence):
                place = REPORT.index(sentence)
                before = REPORT[:place].rstrip("\n").rsplit("\n", 1)[-1]
                assert before in sentences
        assert len(sentences) <= budget
        assert not any("Smith" in sentence for sentence in sentences)


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        ("This stands alone and leans on nothing before it.", []),
        ("- Close the main valve before the work begins.", ["Close the main valve before the work begins."]),
        (
            "Before each flight check:\n- the fuel in both tanks of the wing",
            ["Before each flight check: / the fuel in both tanks of the wing"],
        ),
        (
            "Axon\nThe long fibre that leads away from the cell body.",
            ["Axon / The long fibre that leads away from the cell body."],
        ),
        ("Why does the pump stop at night?", []),
        ("Keep it dry.", []),
        ("The valves leak often. They are old. They were made of cheap grey plastic.", None),
    ],
)
def test_statements_say_something_by_themselves(text: str, statements: list[str] | None) -> None:
    reading = read(passages_of(text))
    found = [" / ".join(reading.sentences[row].text for row in statement.rows) for statement in reading.statements]
    if statements is None:
        statements = [
            "The valves leak often.",
            "The valves leak often. / They are old. / They were made of cheap grey plastic.",
        ]
    assert found == statements or (not statements and len(found) == len(reading.sentences))


def test_every_section_is_quoted_while_the_number_allows() -> None:
    text = "\n".join(
        f"# Part {n}\nThe part {n} is about the subject number{n} of the book.\nMore words follow here." for n in range(8)
    )
    covered = cover([read(passages_of(text))], 8)
    assert (covered.sections, covered.quoted_sections, len(covered.quoted)) == (8, 8, 8)
    assert cover([read(passages_of(text))], 3).quoted_sections == 3


def test_the_share_told_is_that_of_the_terms_weighted_by_sentences() -> None:
    text = "Red apples grow on old trees.\nRed apples taste sweet in autumn.\nBlue boats sail far away."
    covered = cover([read(passages_of(text))], 1)
    placed, counts = covered.quoted[0][0], Counter[str]()
    for line in text.split("\n"):
        for term in set(terms(line)):
            counts[term] += 1
    assert covered.coverage == pytest.approx(sum(counts[term] for term in set(terms(placed.text))) / sum(counts.values()))
    assert cover([read(passages_of(text))], 3).coverage == 1.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Signed on 12 March 2024, valid from 2025-01-31 to 3.4.2026.", ["12 March 2024", "2025-01-31", "3.4.2026"]),
        ("Am 5. Juli 1999 und le 14 juillet 1789.", ["5. Juli 1999", "14 juillet 1789"]),
        ("Since 1998 it has run; in 2003 it stopped. May 2, 2001 was a Wednesday.", ["1998", "2003", "May 2, 2001"]),
        ("It may be 2000 litres, in 1500 patients, version 1.2.2024a.", []),
        ("Open from September to May; see page 2019.", []),
    ],
)
def test_dates(text: str, expected: list[str]) -> None:
    assert [fact.text for fact in dates(placed_of(text)).listed] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It costs £1,234.50 or 99 EUR, 4% of 2.5 million.", ["£1,234.50", "99 EUR", "4%"]),
        ("About 1 mm a day for 12 to 18 months at 37 °C.", ["About 1 mm a day", "12 to 18 months", "37 °C"]),
        ("Use 20 kg at 5 kHz within 30 days.", ["20 kg", "5 kHz", "30 days"]),
        ("Article 5 of chapter 12, item 3a, call 555-1234.", []),
        ("Sales rose by 3.5 per cent to $4 billion.", ["3.5 per cent", "$4 billion"]),
    ],
)
def test_figures(text: str, expected: list[str]) -> None:
    assert [fact.text for fact in figures(placed_of(text)).listed] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The mean time between failures (MTBF) rose.", ["mean time between failures (MTBF)"]),
        ("An autograft is a piece of nerve that comes from the patient.", ["autograft"]),
        ("“Premises” means the land and the buildings on it.", ["Premises"]),
        ("Loss of myelin, also called demyelination, slows the nerve.", ["demyelination"]),
        ("- Sarcomere: a sarcomere is the smallest unit.", ["Sarcomere"]),
        ("This is a thing that nobody needs.", []),
        ("Age is a strong factor, and children recover.", []),
    ],
)
def test_defined_terms(text: str, expected: list[str]) -> None:
    assert [fact.text for fact in defined_terms(placed_of(text)).listed] == expected


def test_key_terms_are_stated_forms_and_not_their_parts() -> None:
    text = (
        "The motor neurons are lost. Motor neurons of the cord need growth factors. When motor neurons fail, muscles shrink.\n"
        "Muscles shrink slowly. The muscles of the arm shrink first."
    )
    found = [fact.text for fact in key_terms(placed_of(text))]
    assert found[0] == "motor neurons"
    assert not {"motor", "neurons", "motor neuron"} & set(found)
    assert any("muscles" in term.casefold() for term in found)


awkward_text = st.text(st.sampled_from("ab Ic1.\n#-|İß\u0301\u00ad😀(): ,%£" + "This "), max_size=400)


@given(awkward_text, st.integers(1, 6))
def test_quotes_and_facts_are_slices_of_any_text(text: str, budget: int) -> None:
    covered = cover([read(passages_of(text))], budget)
    assert len(covered.quoted) <= budget and 0.0 <= covered.coverage <= 1.0
    spans = [placed.sentence.span for placed, _ in covered.quoted]
    assert spans == sorted(spans) and len(set(spans)) == len(spans)
    assert all(placed.text == placed.sentence.span.of(text) for placed, _ in covered.quoted)
    for facts in covered.lists.values():
        assert len(facts.listed) <= facts.total
        for fact in facts.listed:
            sentence = fact.placed.sentence.span
            assert sentence.start <= fact.span.start < fact.span.end <= sentence.end and fact.text == fact.span.of(text)
    assert cover([read(passages_of(text))], budget) == covered


FOLDER = {
    "empty.txt": "\n",
    "one.txt": "The only sentence tells of a green lamp.\n",
    "headings.md": "# First\n\n## Second\n\n## Third\n",
    "table.csv": "City,People,Founded\nUlm,126000,850\nBonn,330000,11\nKiel,246000,1233\n",
    "german.md": "# Pumpe\n\nDie Pumpe fördert Wasser aus dem Brunnen in den Tank.\n\nDer Motor der Pumpe läuft mit Strom vom Dach.\n",
    "japanese.txt": "ポンプは井戸から水をくみ上げます。モーターは屋根の電気で動きます。\n",
    "code.md": "```\nprint(1)\n```\n",
    "lines.md": "# Poem\n\nOne line\n\nAnother short line\n",
}


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("odd")
    for name, text in FOLDER.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("name", "message", "quotes"),
    [
        ("one.txt", "1 of 1 sentence, which cover 100% of the terms", ["The only sentence tells of a green lamp."]),
        ("headings.md", "has no sentences that could be quoted", []),
        ("table.csv", "2 of 3 rows", None),
        ("german.md", "2 of 2 sentences", ["Die Pumpe fördert Wasser aus dem Brunnen in den Tank."]),
        ("japanese.txt", "2 of 2 sentences", ["ポンプは井戸から水をくみ上げます。"]),
        ("code.md", "1 of 1 sentence", ["```\nprint(1)\n```"]),
        ("lines.md", "2 of 2 sentences", ["One line"]),
    ],
)
def test_odd_documents_are_told_plainly(odd: Path, name: str, message: str, quotes: list[str] | None) -> None:
    answer = overview_of(name, index_of(ReadHere(odd)), 3)
    assert message in answer.message
    assert quotes is None or [sentence.text for sentence in answer.sentences][: len(quotes)] == quotes
    assert answer.abstained == (quotes == [])
    assert answer_from(answer_values(answer)) == answer


def test_a_folder_is_read_document_by_document(odd: Path) -> None:
    index = index_of(ReadHere(odd))
    answer = overview_of("*", index, 20)
    assert answer.overview is not None and set(answer.overview.documents) == set(index.entries)
    order = [section.document_id for section in sections_of(answer)]
    assert order == sorted(order)
    with pytest.raises(DocumentError, match="no document or folder is called missing"):
        overview_of("missing", index)


def numbers_are_one_to_one(answer: Answer) -> None:
    numbers = [citation.number for citation in (*answer.citations, *answer.more)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert sorted(sentence.citation for sentence in answer.sentences) == [citation.number for citation in answer.citations]


def test_an_overview_in_a_conversation(corpus: Path, tmp_path: Path) -> None:
    chat: Chat = word_chat(corpus, tmp_path)
    answer = chat.ask("What is in guide.md?")
    assert answer.overview is not None and answer.overview.documents == ("guide.md",) and not answer.confidence
    assert answer.strength is None and answer.query == "What is in guide.md?"
    numbers_are_one_to_one(answer)
    text = chat.index().documents["guide.md"].text
    for citation in (*answer.citations, *answer.more):
        assert citation.span.of(text) == citation.quote
    for _, _, facts in listed_facts(answer):
        assert all(fact in " ".join(citation.quote.split()) for fact, citation in facts)
    assert answer.message.startswith("Overview of Guide to ferns: ")
    turns: list[dict[str, Any]] = [{"speaker": "user", "text": answer.question}, {"speaker": "agent", **answer_values(answer)}]
    again = chat.ask("What is in this document?", history=turns)
    assert again.overview == answer.overview and again.citations == answer.citations
    assert chat.ask("say that again", history=turns).overview == answer.overview
    assert chat.ask("the second one", history=turns).overview is None
    assert chat.ask("Are ferns toxic to cats?", history=turns).overview is None
    assert chat.ask("What is in this document?").message.startswith("Which document do you mean?")
    assert chat.ask("What is in this document?", documents=["faq.txt"]).overview is not None
    assert "- Guide to ferns (guide.md)" in chat.ask("give me an overview of the documents").message
    assert len((chat.ask("Summarise all documents").overview or answer.overview).documents) == 2
