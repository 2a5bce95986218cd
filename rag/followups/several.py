"""Several questions in one: "What is EMG, and how is it done?"."""

import re

from rag.followups.reply_kinds import QUESTION, kind_of
from rag.text.terms import terms

MOST_PARTS = 4  # each is answered by itself, at the cost of a question
_AUXILIARY = r"(?:is|are|was|were|do|does|did|can|could|will|would|should|shall|may|might|must|has|have|had)(?:n['’]t)?"
_QUESTION_WORD = r"(?:what|how|when|where|why|who|whom|whose|which)"
_NAMED = r"(?!(?:it|they|he|she|you|we|i|the|an?|this|that|these|those|its|their|his|her|my|your|to|kind|sort|not)\b)"
_ASKS = re.compile(
    rf"(?:(?:and|but|so|or|also|then)\s+)*(?:(?:at|for|in|by|since|until|to)\s+)?(?:{_QUESTION_WORD}|{_AUXILIARY})\b",
    re.IGNORECASE,
)
_TELLS = re.compile(r"(?:please\s+|can you\s+|could you\s+)*(?:tell|explain|describe|show|say|list|name)\b", re.IGNORECASE)
_JOINT = re.compile(rf",?\s+and\s+(?:also\s+)?(?={_QUESTION_WORD}\b)|,\s+(?=(?:what|how|why)\b)", re.IGNORECASE)
# "and how is it done", "and how long does it last", "and what causes it"; not "and how it is done", nor "and which is not".
_DIRECT = re.compile(
    rf"(?:what|how|when|where|why|who)\s+{_AUXILIARY}\b\s+(?!not\b)\S"
    rf"|(?:what|how|which|whose)\s+(?:{_NAMED}[\w-]+\s+){{1,3}}?{_AUXILIARY}\b\s+\S"
    rf"|(?:what|who|which\s+(?!{_AUXILIARY}\b)\w+)\s+{_NAMED}(?!{_AUXILIARY}\b)\w+(?:s|ed)?\s+\S",
    re.IGNORECASE,
)
_ECHO = re.compile(r"(?:yes or no|right|correct|isn't it|no|ok(?:ay)?)\W*", re.IGNORECASE)
_TOPIC = re.compile(r"(?:(?:and|but|so|btw,?)\s+)*(?:what|how) about\b", re.IGNORECASE)
_INDIRECT = re.compile(rf"{_QUESTION_WORD}\s+\S+\s+\S", re.IGNORECASE)
_POINTING = re.compile(r"\b(?:it|its|they|them|their|this|that|these|those|he|she|him|her)\b", re.IGNORECASE)
_CLOSING = {"“": "”", "„": "“", "«": "»", "(": ")", "[": "]"}


def split_questions(text: str) -> list[str]:
    """The questions that a text asks, in order; the text alone if it asks one, or if its parts would not stand alone.

    It is split at question marks, and at "and" before a question word. Quotations and brackets are left whole.
    """
    questions: list[str] = []
    for sentence in _asked(text):
        questions += _joined_questions(sentence)
    if len(questions) < 2 or _TOPIC.match(questions[0]) or not all(_stands_alone(question) for question in questions):
        return [text]
    return questions


def _asked(text: str) -> list[str]:
    """The text cut after each question mark that ends a question; what asks nothing stays with its neighbour."""
    pieces, start = [], 0
    for end in _question_marks(text):
        pieces.append(text[start:end].strip())
        start = end
    rest = text[start:].strip()
    if rest and (kind_of(rest) == QUESTION or not pieces):
        pieces.append(rest)
    asked: list[str] = []
    for piece in pieces:
        if asked and not (_ASKS.match(piece) or _TELLS.match(piece) or "?" in piece):
            asked[-1] = f"{asked[-1]} {piece}"
        else:
            asked.append(piece)
    return asked


def _question_marks(text: str) -> list[int]:
    """The position after each question mark that is followed by white space, outside quotations and brackets."""
    ends, closing, quoted = [], "", False
    for position, character in enumerate(text):
        if character == closing:
            closing = ""
        elif not closing and character in _CLOSING:
            closing = _CLOSING[character]
        elif character == '"':
            quoted = not quoted
        elif character == "?" and not closing and not quoted and text[position + 1 : position + 2].isspace():
            ends.append(position + 1)
    return ends


def _joined_questions(sentence: str) -> list[str]:
    """The halves of "What is EMG and how is it done?", again and again; the sentence alone if they are not whole questions."""
    for joint in _JOINT.finditer(sentence):
        before, after = sentence[: joint.start()], sentence[joint.end() :]
        if before.count('"') % 2 or before.count("(") > before.count(")") or before.count("“") > before.count("”"):
            continue
        if re.search(rf"\s{after.split()[0]}\b", before, re.IGNORECASE):  # "Do we know who should stay and who should go?"
            continue
        told = _TELLS.match(before) is not None
        if re.search(rf"\b{_QUESTION_WORD}$", before, re.IGNORECASE):  # "how and when"
            continue
        whole_before = told or (_ASKS.match(before) and len(before.split()) > 2)
        whole_after = (_INDIRECT if told else _DIRECT).match(after)
        if whole_before and whole_after and (terms(before) or _POINTING.search(before)):
            return [f"{before.rstrip(' ,')}?", *_joined_questions(f"{after[0].upper()}{after[1:]}")]
    return [sentence]


def _stands_alone(question: str) -> bool:
    """Whether it asks something itself, if only about "it"."""
    if _ECHO.fullmatch(question):
        return False
    own = len(set(terms(question)))
    if _ASKS.match(question) or _TELLS.match(question):
        return own > 1 or (len(question.split()) > 2 and bool(own or _POINTING.search(question)))
    return question.endswith("?") and own > 1
