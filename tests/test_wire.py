"""The wire format: a worked example, the round trip of any answer, and the refusal of anything else."""

import json
from copy import deepcopy
from dataclasses import replace
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.records import Answer, Citation, Hit, Location, Passage, QuotedSentence, Span, Strength
from rag.wire import answer_from, answer_values, hit_from, hit_values

texts = st.text(st.characters(exclude_categories=()), max_size=20)  # also lone surrogates
numbers = st.floats(allow_nan=False, allow_infinity=False)
spans = st.builds(lambda start, length: Span(start, start + length), st.integers(0, 10**6), st.integers(0, 1000))
pages = st.none() | st.integers(1, 999)
headings = st.lists(texts, max_size=3).map(tuple)
locations = st.builds(Location, texts, texts, spans, texts, pages, headings, texts)
citations = st.builds(
    Citation,
    st.integers(1, 20),
    texts,
    texts,
    spans,
    texts,
    pages,
    headings,
    texts,
    answer_phrase=st.none() | spans,
    also=st.lists(locations, max_size=2).map(tuple),
    differs=st.lists(st.integers(1, 20), max_size=2).map(tuple),
)
hits = st.builds(Hit, st.builds(Passage, texts, spans, texts, headings, pages), numbers, st.integers(1, 1000))
measures = st.dictionaries(texts, numbers, max_size=3)


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    """Answers as far as the wire format carries them: nearest passages only with an abstention."""
    cited = tuple(draw(st.lists(citations, max_size=3)))
    strings = st.lists(texts, max_size=3).map(tuple)
    answer = Answer(
        question=draw(texts),
        query=draw(texts),
        sentences=tuple(QuotedSentence(draw(texts), citation.number, draw(st.booleans())) for citation in cited),
        citations=cited,
        more=tuple(draw(st.lists(citations, max_size=2))),
        closest=tuple(draw(st.lists(citations, max_size=2))),
        corrected=draw(st.dictionaries(texts, texts, max_size=2)),
        confidence=draw(st.floats(0, 1)),
        reason=draw(st.none() | texts),
        readings=draw(strings),
        choices=draw(st.integers(0, 9)),
        expected_wrong=draw(st.none() | st.floats(0, 1)),
        measured_on=draw(texts),
        strength=draw(st.none() | st.sampled_from(get_args(Strength))),
        guarantee=draw(st.sampled_from(["", "at most 10% of strong answers are wrong"])),
        signals=draw(measures),
        index=draw(texts),
        timings_ms=draw(measures),
    )
    if cited:
        return answer
    return replace(answer, nearest=tuple(draw(st.lists(hits, max_size=3))), looked_for=draw(strings), unknown=draw(strings))


def through_json(values: object) -> Any:
    return json.loads(json.dumps(values))


@given(answers())
def test_an_answer_survives_the_round_trip_through_json(answer: Answer) -> None:
    values = through_json(answer_values(answer))
    restored = answer_from(values)
    assert restored == answer and restored.timings_ms == answer.timings_ms
    assert answer_values(restored) == answer_values(answer) == values


@given(hits)
def test_a_hit_survives_the_round_trip_through_json(hit: Hit) -> None:
    values = through_json(hit_values(hit))
    assert hit_from(values) == hit
    assert values["passage_id"] == hit.passage.id


EXAMPLE = Answer(
    question="and cats?",
    query="Are ferns toxic to cats?",
    sentences=(QuotedSentence("Ferns are safe.", 1), QuotedSentence("So are palms.", 2, context=True)),
    citations=(
        Citation(1, "a.md", "A", Span(10, 25), "Ferns are safe.", 3, ("Pets", "Cats"), "d1", Span(10, 15)),
        Citation(
            2, "b.md", "B", Span(0, 13), "So are palms.", None, (), "d2",
            also=(Location("c.md", "C", Span(5, 18), "So are palms.", None, ("Palms",), "d3"),), differs=(1,), dated="2023", superseded_by=1,
        ),
    ),
    corrected={"firns": "ferns"},
    confidence=0.75,
    readings=("Are ferns toxic?",),
    expected_wrong=0.1,
    measured_on="the question set pets",
    strength="strong",
    guarantee="at most 10% of strong answers are wrong (95% certain, 240 judged questions)",
    signals={"score": 1.5},
    index="i1",
    timings_ms={"total": 12.5},
)  # fmt: skip
EXAMPLE_VALUES = {
    "question": "and cats?",
    "query": "Are ferns toxic to cats?",
    "readings": ["Are ferns toxic?"],
    "choices": 0,
    "message": "",
    "abstained": False,
    "reason": None,
    "confidence": 0.75,
    "expected_wrong": 0.1,
    "measured_on": "the question set pets",
    "strength": "strong",
    "overview": None,
    "guarantee": "at most 10% of strong answers are wrong (95% certain, 240 judged questions)",
    "signals": {"score": 1.5},
    "text": "Ferns are safe. [1] So are palms. [2]",
    "sentences": [
        {"text": "Ferns are safe.", "citation": 1, "context": False},
        {"text": "So are palms.", "citation": 2, "context": True},
    ],
    "citations": [
        {
            "number": 1, "document_id": "a.md", "title": "A", "quote": "Ferns are safe.", "headings": ["Pets", "Cats"], "page": 3,
            "digest": "d1", "language": "", "start": 10, "end": 25, "answer_phrase": {"start": 10, "end": 15}, "also": [], "differs": [], "dated": "", "superseded_by": None,
        },
        {
            "number": 2, "document_id": "b.md", "title": "B", "quote": "So are palms.", "headings": [], "page": None,
            "digest": "d2", "language": "", "start": 0, "end": 13, "answer_phrase": None, "differs": [1], "dated": "2023", "superseded_by": 1,
            "also": [
                {
                    "document_id": "c.md", "title": "C", "quote": "So are palms.", "headings": ["Palms"], "page": None,
                    "digest": "d3", "language": "", "start": 5, "end": 18,
                }
            ],
        },
    ],
    "more": [],
    "closest": [],
    "corrected": {"firns": "ferns"},
    "parts": [],
    "nearest": [],
    "looked_for": [],
    "unknown": [],
    "timings_ms": {"total": 12.5},
    "index": "i1",
}  # fmt: skip

LATER = {"readings", "choices", "strength", "guarantee", "message", "more", "closest", "corrected", "parts", "overview"}
"""What earlier releases did not store."""


def test_the_values_of_an_example() -> None:
    assert answer_values(EXAMPLE) == EXAMPLE_VALUES
    assert answer_from(EXAMPLE_VALUES) == EXAMPLE


def test_the_parts_of_a_question_are_answers_of_their_own() -> None:
    both = replace(EXAMPLE, parts=(EXAMPLE, replace(EXAMPLE, question="and dogs?")), more=EXAMPLE.citations)
    values = through_json(answer_values(both))
    assert values["parts"][0] == EXAMPLE_VALUES and values["more"] == EXAMPLE_VALUES["citations"]
    assert answer_from(values) == both


def test_an_answer_with_citations_carries_no_nearest_passages() -> None:
    hit = Hit(Passage("a.md", Span(0, 1), "a"), 1.0, 1)
    values = answer_values(replace(EXAMPLE, nearest=(hit,), looked_for=("fern",), unknown=("fern",)))
    assert values == EXAMPLE_VALUES
    abstention = replace(EXAMPLE, sentences=(), citations=(), nearest=(hit,))
    assert answer_values(abstention)["nearest"] == [hit_values(hit)]


def test_answers_stored_by_earlier_releases_are_read() -> None:
    values = {name: value for name, value in EXAMPLE_VALUES.items() if name not in LATER}
    assert answer_from(values) == replace(EXAMPLE, readings=(), choices=0, strength=None, guarantee="", corrected={})


@pytest.mark.parametrize("name", sorted(EXAMPLE_VALUES.keys() - LATER))
def test_a_missing_key_is_refused(name: str) -> None:
    values = {key: value for key, value in EXAMPLE_VALUES.items() if key != name}
    with pytest.raises(ValueError, match=name):
        answer_from(values)


@pytest.mark.parametrize(
    "path",
    [("confidence",), ("sentences", 0, "citation"), ("citations", 0, "start"), ("citations", 0, "answer_phrase", "end")]
    + [("citations", 1, "also", 0, "quote"), ("citations", 0, "headings"), ("nearest",), ("signals",)],
)
@pytest.mark.parametrize("value", ["1", None, {}, [None], object()])
def test_a_value_of_the_wrong_type_is_refused(path: tuple[str | int, ...], value: object) -> None:
    values: Any = deepcopy(EXAMPLE_VALUES)
    parent = values
    for key in path[:-1]:
        parent = parent[key]
    if type(parent[path[-1]]) is type(value):
        return
    parent[path[-1]] = value
    with pytest.raises(ValueError, match=str(path[-1])):
        answer_from(values)


@pytest.mark.parametrize("values", [None, 7, "", [], {}])
def test_anything_that_is_not_an_answer_is_refused(values: object) -> None:
    for read in (answer_from, hit_from):
        with pytest.raises(ValueError, match=r"\A(.*: )?(Input should be|Field required)[^\n]*\Z"):
            read(values)
