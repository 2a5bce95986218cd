"""Examples from span questions: answered, and made unanswerable in four ways."""

import random
import re
from dataclasses import replace

import numpy as np

from rag.index.lexical import LexicalIndex
from rag.text.sentences import split_sentences
from rag.text.terms import terms
from training.examples import Example, example, worded
from training.span_questions import SpanQuestion, phrases_of, says

OPPOSITES = """
increase/decrease increases/decreases increased/decreased increasing/decreasing higher/lower high/low before/after
first/last largest/smallest more/less most/least fewer/more early/late best/worst with/without north/south east/west
northern/southern eastern/western upper/lower proximal/distal anterior/posterior acute/chronic motor/sensory mild/severe
men/women male/female children/adults older/younger oldest/youngest longest/shortest started/ended start/end win/lose
won/lost allow/prevent allowed/prevented improve/worsen improved/worsened gain/lose gained/lost recommended/discouraged
common/rare left/right above/below inside/outside slower/faster slow/fast safe/dangerous like/dislike liked/disliked
love/hate loved/hated positive/negative buy/sell bought/sold open/closed cause/prevent causes/prevents caused/prevented
support/oppose supported/opposed cheapest/dearest
""".split()
OPPOSITE = {a: b for pair in OPPOSITES for a, b in (pair.split("/"), pair.split("/")[::-1])}


def answered(questions: list[SpanQuestion], rng: random.Random, kind: str = "span") -> list[Example]:
    examples = []
    for question in questions:
        title = question.title if rng.random() < 0.8 else ""
        answerable = example(
            question.source,
            worded(question.question, rng),
            title,
            question.text,
            phrases_of(question),
            rng,
            group=question.document,
        )
        if answerable.gold and answerable.kind == "span":
            examples.append(answerable if kind == "span" else replace(answerable, kind=kind, phrases=[]))
        elif not question.answers:
            examples.append(answerable)
    return examples


def without_answer(questions: list[SpanQuestion], rng: random.Random) -> list[Example]:
    """The sentence that answers taken out of the text: all is about the subject, and nothing answers."""
    examples = []
    for question in questions:
        spans = split_sentences(question.text)
        kept = [s for s in spans if not any(a < s.end and s.start < b for a, b in phrases_of(question))]
        rest = " ".join(s.of(question.text) for s in kept)
        if len(kept) >= 2 and not says(rest, question):
            examples.append(
                example(
                    f"{question.source}-removed",
                    worded(question.question, rng),
                    question.title,
                    rest,
                    [],
                    rng,
                    group=question.document,
                )
            )
    return examples


_NAME = re.compile(r"(?<![.?!\"] )(?<!^)\b[A-Z][\w'’-]+(?: (?:of |the )?[A-Z][\w'’-]+)*")
_NUMBER = re.compile(r"\b\d[\d,.]*\b")


def changed(questions: list[SpanQuestion], rng: random.Random) -> list[Example]:
    """A name, number or opposite of the question changed, so that its text no longer answers it."""
    examples = []
    for question in questions:
        asked = _other_name(question, rng) or _other_number(question, rng) or _opposite(question)
        if asked:
            examples.append(
                example(f"{question.source}-changed", asked, question.title, question.text, [], rng, group=question.document)
            )
    return examples


def _other_name(question: SpanQuestion, rng: random.Random) -> str | None:
    wanted = [m.group() for m in _NAME.finditer(question.question) if m.group() in question.text]
    answers = " ".join(text for text, _ in question.answers)
    others = sorted({m.group() for m in _NAME.finditer(question.text)} - set(wanted))
    others = [other for other in others if other not in question.question and other not in answers and len(other) > 3]
    if not wanted or not others:
        return None
    return question.question.replace(rng.choice(wanted), rng.choice(others), 1)


def _other_number(question: SpanQuestion, rng: random.Random) -> str | None:
    numbers = [m for m in _NUMBER.finditer(question.question) if m.group() in question.text]
    if not numbers:
        return None
    match = rng.choice(numbers)
    digits = list(match.group())
    places = [i for i, digit in enumerate(digits) if digit.isdigit()]
    place = rng.choice(places[len(places) // 2 :])
    digits[place] = rng.choice([d for d in "123456789" if d != digits[place]])
    changed_number = "".join(digits)
    return (
        None
        if changed_number in question.text
        else question.question[: match.start()] + changed_number + question.question[match.end() :]
    )


def _opposite(question: SpanQuestion) -> str | None:
    words = question.question.split()
    for i, word in enumerate(words[1:], start=1):
        bare = word.strip("?,.").casefold()
        if bare in OPPOSITE:
            return " ".join([*words[:i], word.replace(word.strip("?,."), OPPOSITE[bare]), *words[i + 1 :]])
    return None


def retrieved(questions: list[SpanQuestion], pool: dict[str, tuple[str, str]], wanted: int, rng: random.Random) -> list[Example]:
    """Each question with a text that BM25 finds for it and that does not hold its answer. pool: text -> (title, document)."""
    texts = sorted(pool)
    index = LexicalIndex.build([terms(text) for text in texts])
    examples = []
    for question in rng.sample(questions, min(wanted, len(questions))):
        scores = index.scores(terms(f"{question.question} {question.title}"))
        for row in np.argsort(-scores, kind="stable")[: rng.choice([3, 10])]:
            text = texts[row]
            if text != question.text and not says(text, question):
                title = pool[text][0]
                examples.append(
                    example(
                        f"{question.source}-retrieved",
                        worded(question.question, rng),
                        title,
                        text,
                        [],
                        rng,
                        group=question.document,
                    )
                )
                break
    return examples
