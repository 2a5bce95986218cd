"""Which sentences an answer quotes: whole lists, single entries, comparisons, the thing asked about."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from rag.answering.comparisons import things_compared
from rag.answering.enumerations import announced_by, enumeration_with
from rag.answering.named_things import NEIGHBOUR, held
from rag.answering.question_forms import asks_for_one, asks_yes_or_no, thing_explained
from rag.answering.side_by_side import side_by_side
from rag.config import Settings
from rag.conversation import Chat
from rag.index.contents import Index
from rag.index.updating import Recipe, update_index
from rag.models.embedder import ModelEmbedder
from rag.reader.scored_sentences import ScoredSentence
from rag.records import Answer
from tests.conftest import WordEmbedder, index_of
from tests.test_answering import SURE, ask, shown

CASES = Path(__file__).parent / "answer_cases"
"""Questions with what the answer must show; each set has a folder of documents, the last is about the handbook."""


def faults(case: dict[str, Any], answer: Answer) -> list[str]:
    """What an answer lacks. The patterns of a case are searched in single quotes, those of `in_order` one after the other."""
    quotes = [sentence.text for sentence in answer.sentences]
    chosen = [sentence.text for sentence in answer.sentences if not sentence.context]
    found = [f"first is not /{p}/" for p in _patterns(case, "first") if not (chosen and re.search(p, chosen[0]))]
    claimed = answer.strength in ("strong", "fair")
    found += [f"first is /{p}/" for p in _patterns(case, "not_first") if claimed and re.search(p, chosen[0])]
    found += [f"lacks /{p}/" for p in _patterns(case, "contains") if not any(re.search(p, quote) for quote in quotes)]
    found += [f"has /{p}/" for p in _patterns(case, "excludes") if any(re.search(p, quote) for quote in quotes)]
    found += [f"no context /{p}/" for p in _patterns(case, "context") if not _is_context(p, answer)]
    found += [f"message is not /{p}/" for p in _patterns(case, "message") if not re.search(p, answer.message)]
    if "count" in case and len(chosen) != case["count"]:
        found.append(f"{len(chosen)} sentences")
    position = 0
    for pattern in _patterns(case, "in_order"):
        position = next((n for n, quote in enumerate(quotes) if n >= position and re.search(pattern, quote)), len(quotes))
        if position == len(quotes):
            found.append(f"not in order: /{pattern}/")
    return found


def _patterns(case: dict[str, Any], key: str) -> list[str]:
    value = case.get(key, [])
    return value if isinstance(value, list) else [value]


def _is_context(pattern: str, answer: Answer) -> bool:
    return any(sentence.context and re.search(pattern, sentence.text) for sentence in answer.sentences)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(path.stem for path in CASES.glob("*.json")))
def test_answers_quote_what_is_asked_for(name: str, handbook: Settings, embedder: ModelEmbedder, tmp_path: Path) -> None:
    settings = handbook
    if (CASES / name).is_dir():
        settings = Settings(corpus=CASES / name, index=tmp_path / "index")
        update_index(settings.corpus, settings.index, Recipe(embedder, settings.passages))
    chat = Chat(settings, embedder)
    cases = json.loads((CASES / f"{name}.json").read_text(encoding="utf-8"))
    wrong = {case["question"]: found for case in cases if (found := faults(case, chat.ask(case["question"])))}
    assert not wrong


def read(folder: Path, text: str) -> tuple[list[ScoredSentence], Index]:
    """All sentences of a Markdown document."""
    (folder / "a.md").write_text(text, encoding="utf-8")
    index = index_of(folder, WordEmbedder())
    return [ScoredSentence(p, n, 0.0) for p in index.passages for n in range(len(p.sentences))], index


def announced(folder: Path, text: str, number: int = 0) -> list[str] | None:
    """What the quotable sentence `number` announces."""
    sentences, index = read(folder, text)
    quotable = [sentence for sentence in sentences if sentence.sentence.quotable]
    enumeration = announced_by(quotable[number], index)
    return [member.text for member in enumeration.members] if enumeration else None


@pytest.mark.parametrize(
    ("text", "members"),
    [
        ("Take the following:\n\n- rope\n- knife\n\nThen go.", ["rope", "knife"]),
        ("There are two tools.\n\n- rope\n- knife", ["rope", "knife"]),
        ("There are three tools.\n\n- rope\n- knife", None),
        ("It has two parts. The first is a lid. The second is a pot. It is red.", ["The first is a lid.", "The second is a pot."]),
        ("It has three parts. The first is a lid. The second is a pot. It is red.", None),
        ("It is done in steps. Cut it. Dry it.", None),
        ("Several steps are needed. First, cut it. Wait. Then dry it. Finally, eat it. It keeps.",
         ["First, cut it.", "Wait.", "Then dry it.", "Finally, eat it."]),
        ("He has various duties. He sweeps. He cooks.\n\nHe sings.", ["He sweeps.", "He cooks."]),
        ("Grades are as follows.\n\n| Grade | Climb |\n|---|---|\n| A | low |\n| B | high |", ["A | low", "B | high"]),
        ("Washing takes two steps. Step 1: rinse. Step 2: dry. Done.", ["Step 1: rinse.", "Step 2: dry."]),
        ("There are two jobs. They are listed here.\n\n1. Sweep\n2. Cook\n   - fish\n", ["Sweep", "Cook", "fish"]),
        ("Two zones:\n\n**Wet.** Rinse here.\n\n**Dry.** Sit here.\n\nNo more.", ["**Wet.**", "Rinse here.", "**Dry.**", "Sit here."]),
        ("# T\n\n## Kinds\n\nThere are two kinds.\n\n### Old\n\nOld ones sag. Bad.\n\n### New\n\nNew ones last.\n\n## Price\n\nLow.",
         ["Old ones sag.", "New ones last."]),
        ("# T\n\n## Kinds\n\nThere are three kinds.\n\n### Old\n\nOld ones sag.\n\n### New\n\nNew ones last.", None),
    ],
)  # fmt: skip
def test_what_a_sentence_announces(text: str, members: list[str] | None, tmp_path: Path) -> None:
    assert announced(tmp_path, text) == members


def test_member_knows_its_enumeration(tmp_path: Path) -> None:
    sentences, index = read(tmp_path, "It has two parts. The first is a lid. The second is a pot. It is red.")
    for sentence in sentences[:3]:
        enumeration = enumeration_with(sentence, index)
        assert enumeration is not None
        assert [s.text for s in enumeration.sentences] == [s.text for s in sentences[:3]]
    assert enumeration_with(sentences[3], index) is None


def test_list_that_is_too_long_says_that_it_goes_on(tmp_path: Path) -> None:
    things = "".join(f"- thing {n}\n" for n in range(45))
    answer, _ = ask(
        tmp_path, {"a.md": f"Every leader carries these **********:\n\n{things}"}, query="what are the things to carry"
    )
    quotes = [text for text, _ in shown(answer)]
    assert (len(quotes), quotes[1], quotes[-1]) == (31, "thing 0", "thing 29")
    assert answer.message == "The list goes on: 30 of its 45 items are quoted here."
    assert [citation.quote for citation in answer.more] == [f"thing {n}" for n in range(30, 45)]


def test_sentences_beyond_the_limit_are_shown_on_request(tmp_path: Path) -> None:
    text = " ".join(f"Fact {word} is {'*' * stars}." for word, stars in zip("abcdef", range(10, 4, -1), strict=True))
    answer, index = ask(tmp_path, {"a.txt": text}, query="what are the facts", limit=4)
    assert [citation.quote[5] for citation in answer.citations] == ["a", "b", "c", "d"]
    assert [(citation.number, citation.quote[5]) for citation in answer.more] == [(5, "e"), (6, "f")]
    for citation in answer.more:
        assert citation.quote == citation.span.of(index.documents["a.txt"].text)


def test_sentence_after_the_first_runs_on_from_it(tmp_path: Path) -> None:
    text = "Fact a is ********. Fact b is **********. Fact c is ******. Other things are said. Fact e is *******."
    answer, _ = ask(tmp_path, {"a.txt": text}, query="what are the facts")
    assert [quote[5] for quote, _ in shown(answer)] == ["b", "e", "a"]
    answer, _ = ask(tmp_path, {"a.txt": text}, query="what are the facts", limit=4)
    assert [quote[5] for quote, _ in shown(answer)] == ["b", "c", "e", "a"]


def test_abstention_cites_the_closest_whole_sentences(tmp_path: Path) -> None:
    text = "| a | b |\n|---|---|\n| row | *********** |\n\n- item ***\n\nOne is ****. Two is **. Three is *. One is ****."
    answer, index = ask(tmp_path, {"a.md": text}, minimum=1.0)
    assert [(c.number, c.quote) for c in answer.closest] == [(1, "One is ****."), (2, "item ***"), (3, "Two is **.")]
    assert answer.abstained and answer.strength is None
    for citation in answer.closest:
        assert citation.answer_phrase is None
        assert citation.quote == citation.span.of(index.documents["a.md"].text)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("What is the difference between the P20 and the P35?", ("P20", "P35")),
        ("Compare P35 and P20", ("P35", "P20")),
        ("bowline versus reef knot", ("bowline", "reef knot")),
        ("How does green tea differ from black tea?", ("green tea", "black tea")),
        ("How do Bronze and Gold cards differ?", ("Bronze", "Gold cards")),
        ("In what way are axonotmesis and neurotmesis different?", ("axonotmesis", "neurotmesis")),
        ("Which is heavier, the P20 or the P35?", ("P20", "P35")),
        ("Silver or Gold card: which has more renewals?", ("Silver", "Gold")),
        ("Does the P35 lift more than the P50?", ("P35", "P50")),
        ("What is the difference in weight between P20 and P35?", ("P20", "P35")),
        ("Is a fibrillation the same as a fasciculation?", ("fibrillation", "fasciculation")),
        ("difference between stage 1 and stage 3 of growth", ("stage 1", "stage 3 of growth")),
        ("What does the P20 weigh?", None),
        ("What happens to cats and dogs?", None),
    ],
)
def test_things_compared(query: str, names: tuple[str, str] | None) -> None:
    compared = things_compared(query)
    assert (compared.names if compared else None) == names


def test_things_that_no_passage_compares_are_asked_about_one_by_one(tmp_path: Path) -> None:
    text = {"Oboe": "An oboe has a double reed **********.", "Horn": "A horn is made of brass **********."}
    files = {f"{name}.txt": sentence for name, sentence in text.items()}
    direct, _ = ask(tmp_path, {"c.txt": "Some instruments are loud **."} | files, minimum=1.0, query="Compare oboe and horn")

    def about(query: str) -> Answer:
        name = next((name for name in text if name.casefold() in query), None)
        folder = tmp_path / str(name)
        folder.mkdir()
        return ask(folder, {"a.txt": text[name]} if name else {}, query=query)[0]

    answer = side_by_side(direct, about, SURE)
    assert direct.abstained
    assert [(c.number, c.quote) for c in answer.citations] == [(1, text["Oboe"]), (2, text["Horn"])]
    assert [(s.text, s.citation) for s in answer.sentences] == [(text["Oboe"], 1), (text["Horn"], 2)]
    assert (answer.question, answer.reason, answer.message, answer.strength) == (direct.question, None, "", "weak")


def test_thing_without_an_answer_is_named_and_halves_the_confidence(tmp_path: Path) -> None:
    files = {"a.txt": "An oboe has a double reed **********."}
    direct, _ = ask(tmp_path, files, minimum=1.0, query="Compare oboe and lute")
    answer = side_by_side(direct, lambda query: ask(tmp_path, files, query=query)[0], SURE)
    assert ([c.quote for c in answer.citations], answer.message) == ([files["a.txt"]], "I found nothing about lute to compare.")
    assert (answer.confidence, answer.strength) == (0.25, "weak")


def test_only_one_list_is_quoted(tmp_path: Path) -> None:
    steps = "It is done in two steps **********. The first is to cut ********. The second is to dry ********."
    answer, _ = ask(
        tmp_path, {"a.txt": steps, "b.txt": steps.replace("done", "made so").replace("cut", "saw")}, query="what are the steps"
    )
    assert [citation.document_id for citation in answer.citations] == ["a.txt"] * 3
    assert {citation.document_id for citation in answer.more} == {"b.txt"}


def test_a_sentence_holds_what_is_in_it_above_it_and_what_it_refers_to(tmp_path: Path) -> None:
    text = "# Pumps\n\n## Prices\n\nThe P20 costs 9 euros. The P50 has wheels. It costs 31 euros. Hoses cost more.\n\nFor sale:\n\n- nozzles"
    sentences, index = read(tmp_path, text)
    things = dict.fromkeys(["pump", "price", "p20", "p50", "sale"], 1.0)
    counts = {s.text: held(s, things, index) for s in sentences if s.sentence.quotable}
    above = {"pump": 1.0, "price": 1.0}
    assert counts["The P20 costs 9 euros."] == above | {"p20": 1.0}
    assert counts["The P50 has wheels."] == above | {"p20": NEIGHBOUR, "p50": 1.0}
    assert counts["It costs 31 euros."] == above | {"p50": 1.0}
    assert counts["Hoses cost more."] == above
    assert counts["nozzles"] == above | {"sale": 1.0}


@pytest.mark.parametrize(
    ("query", "thing"),
    [
        ("What is Horner syndrome?", "Horner syndrome"),
        ("What does the word lien mean?", "lien"),
        ("Define escrow", "escrow"),
        ("novation meaning", "novation"),
        ("What is the price of the wheelchair?", None),
        ("What is in room C012?", None),
        ("What is the wheelchair's price?", None),
    ],
)
def test_things_whose_meaning_is_asked(query: str, thing: str | None) -> None:
    assert thing_explained(query) == thing


def test_forms_of_questions() -> None:
    assert not asks_for_one("What happens when the nerve is cut?")
    assert not asks_for_one("Which words are explained?")
    assert asks_for_one("What is the Tinel sign?")
    assert asks_for_one("Who wrote the rule, and when?")
    assert not asks_for_one("Which things should be checked by people who arrive?")
    assert asks_for_one("When do the symptoms start?")
    assert [asks_yes_or_no(q) for q in ("Can earrings be returned?", "Isn't it late?", "What can be returned?")] == [
        True,
        True,
        False,
    ]
