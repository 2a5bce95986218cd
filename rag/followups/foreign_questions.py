"""Follow-up questions in German, French, Spanish and Chinese: whether one leans on the last question, and the whole of it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rag.followups.history import Turn
from rag.followups.language_cues import WORD, LanguageCues, cues_in, longest_first, spoken_language
from rag.followups.rewriting import Understood
from rag.text.analyses import STOPWORDS

RECENT = 12  # last turns that are considered: six exchanges
LONGEST_FRAGMENT = 6  # words of a question that only adds to the last one
FEWEST_LETTERS = {" ": 1, "": 2}  # of a name
_END = " \t?？!！.。,，;；¿¡"
_MARKS = re.compile("[，。？！；：、,.?!;:\\s]+")
_PARTICLES = "吗呢吧啊了"  # at the end of a Chinese question
_EDGES = "的是对有会能要和与在被需"  # words between names that a name does not begin or end with


@dataclass(frozen=True, slots=True)
class _Name:
    """What a question names, and where."""

    text: str
    start: int
    end: int


def foreign_query(question: str, turns: Sequence[Turn]) -> Understood | None:
    """The query that a question stands for: itself, or completed by the last question; None if it is in no known language."""
    recent = turns[-RECENT:]
    previous = next((turn.text for turn in reversed(recent) if turn.by_user), "")
    language = spoken_language(question, previous)
    if language is None:
        return None
    last = _last_question(recent)
    query = _completed(question, last, cues_in(language)) if last else None
    return Understood(question, _as_question(query, question) if query else question)


def _as_question(query: str, question: str) -> str:
    """With a capital, and in Spanish with the mark that the typed question begins with."""
    query = f"{query[0].upper()}{query[1:]}"
    return f"¿{query}" if question.startswith("¿") and not query.startswith("¿") else query


def _last_question(turns: Sequence[Turn]) -> str:
    """In the words that it was searched in; empty if there is none."""
    row = next((row for row in range(len(turns) - 1, -1, -1) if turns[row].by_user), None)
    if row is None:
        return ""
    searched = turns[row + 1].query if row + 1 < len(turns) else ""
    if searched:
        return searched
    understood = foreign_query(turns[row].text, turns[:row])
    return understood.query if understood else turns[row].text


def _completed(question: str, last: str, cues: LanguageCues) -> str | None:
    """None if the question stands alone."""
    rest, opened = _without_opener(question, cues)
    names = _names(last, _cues_of_question(last, cues))
    if (match := cues.about.fullmatch(rest)) and not _asks(new := next(filter(None, match.groups())), cues):
        return _asked_of(new.strip(_END), last, names, cues)
    own = _own_names(rest, cues)
    if _is_condition(rest, own, cues):
        return f"{last.rstrip(_END)} {rest}?"
    if opened and _is_name(rest, own, cues):
        return _asked_of(own[-1].text, last, names, cues)
    if _points_back(rest, cues) or all(cues.persons.fullmatch(name.text.lower()) for name in own):
        return _with_names(rest, last, names, cues)
    return None


def _without_opener(question: str, cues: LanguageCues) -> tuple[str, bool]:
    """The question without "and" and the like, with a small first letter, and whether there was one."""
    rest = question.strip(_END)
    first = re.compile(
        rf"(?:{'|'.join(longest_first(cues.openers))})(?:{cues.joins or '(?!里|儿|个|种|些)'}|[,，]\s*)", re.IGNORECASE
    )
    opened = False
    while match := first.match(rest):
        rest, opened = rest[match.end() :].strip(_END), True
    return rest[:1].lower() + rest[1:] if cues.joins and not opened else rest, opened


def _cues_of_question(question: str, otherwise: LanguageCues) -> LanguageCues:
    """Those of its language; for another, such as English, all function words that are known."""
    language = spoken_language(question)
    if language:
        return cues_in(language)
    spaced = otherwise if otherwise.joins else cues_in("de")
    return replace(spaced, function=spaced.function | STOPWORDS)


def _asks(text: str, cues: LanguageCues) -> bool:
    if not cues.joins:
        return any(word in text for word in cues.asking)
    return any(word.lower() in cues.asking for word in WORD.findall(text))


def _is_condition(rest: str, own: Sequence[_Name], cues: LanguageCues) -> bool:
    """Whether it only adds to the last question: "in children?", "if I am pregnant?"."""
    words = [word.lower() for word in WORD.findall(rest)]
    begins = words and words[0] in cues.conditions
    return bool(begins and cues.joins and own and len(words) <= LONGEST_FRAGMENT and not _asks(rest, cues))


def _is_name(rest: str, own: Sequence[_Name], cues: LanguageCues) -> bool:
    """Whether it is only another name: "and a neurotmesis?"."""
    if len(own) != 1:
        return False
    before, after = rest[: own[0].start], rest[own[0].end :]
    return not after.strip(_END) and all(word.lower() in cues.articles | cues.joining for word in WORD.findall(before))


def _points_back(rest: str, cues: LanguageCues) -> bool:
    """Whether a word stands for something that an earlier question named, rather than this one."""
    match = cues.pointing.search(_blanked(rest, cues.expletives))
    if match is None:
        return False
    before = rest[: match.start()]
    return not (_own_names(before, cues) and (cues.clause_end is None or cues.clause_end.search(before)))


def _with_names(rest: str, last: str, names: Sequence[_Name], cues: LanguageCues) -> str | None:
    """The question about what the last one named; the last question asked on if this one has no words of its own."""
    if not names:
        return None
    if not _aspects_in(rest, cues):
        comma = ", " if cues.joins else "，"
        return f"{last.rstrip(_END)}{comma}{rest}?"
    subject = (cues.joins or "、").join(name.text for name in names)
    pronoun = cues.replaced.search(_blanked(rest, cues.expletives)) if cues.replaced else None
    if pronoun and len(names) == 1:
        return f"{rest[: pronoun.start()]}{subject}{rest[pronoun.end() :]}?"
    return f"{rest} ({subject})?" if cues.joins else f"{subject}{rest}？"


def _asked_of(new: str, last: str, names: Sequence[_Name], cues: LanguageCues) -> str:
    """The last question asked of something else, in place of the last name; or of something more, if that is a person."""
    leading = re.compile(rf"(?:(?:{'|'.join(cues.articles | cues.joining)})(?:['’]|\s+))+", re.IGNORECASE)
    name = leading.sub("", new, count=1) if cues.joins and leading.match(new) else new
    if not names or cues.persons.search(name.lower()):
        return f"{last.rstrip(_END)} {new}?" if cues.joins else f"{new}{last}"
    replaced = names[-1]
    return f"{last[: replaced.start]}{name}{last[replaced.end :]}"


def _blanked(text: str, pattern: re.Pattern[str] | None) -> str:
    return pattern.sub(lambda match: " " * len(match.group()), text) if pattern else text


def _aspects_in(rest: str, cues: LanguageCues) -> bool:
    """Whether it asks for something ("symptoms", "treated"), and not only why or when."""
    if not cues.joins:
        return cues.aspects.search(rest) is not None
    return any(cues.aspects.fullmatch(word.lower()) for word in WORD.findall(rest))


def _own_names(text: str, cues: LanguageCues) -> list[_Name]:
    """What a question names itself, without words that point back."""
    return _names(_blanked(text, cues.pointing), cues, anywhere=True)


def _names(text: str, cues: LanguageCues, *, anywhere: bool = False) -> list[_Name]:
    """What a text names, in order. In Chinese, words without content are left out `anywhere`, or only around the names."""
    return _spaced_names(text, cues) if cues.joins else _han_names(text, cues, anywhere=anywhere)


def _spaced_names(text: str, cues: LanguageCues) -> list[_Name]:
    names: list[_Name] = []
    for match in WORD.finditer(text):
        word = match.group().lower()
        if word in cues.function or word in cues.conditions or cues.aspects.fullmatch(word):
            continue
        gap = WORD.findall(text[names[-1].end : match.start()]) if names else []
        between = text[names[-1].end : match.start()] if names else ""
        joined = bool(names) and not re.search(r"[,;:.?!]", between) and all(part.lower() in cues.joining for part in gap)
        start = names.pop().start if joined else match.start()
        names.append(_Name(text[start : match.end()], start, match.end()))
    return names


def _han_names(text: str, cues: LanguageCues, *, anywhere: bool) -> list[_Name]:
    words = [*cues.asking, *cues.openers, *stored_aspects(cues), *_PARTICLES, *(cues.function if anywhere else ())]
    gaps = re.compile(f"{_MARKS.pattern}|{'|'.join(map(re.escape, longest_first(words)))}")
    names, start = [], 0
    for end, following in [*((match.start(), match.end()) for match in gaps.finditer(text)), (len(text), len(text))]:
        piece = text[start:end]
        first = start + len(piece) - len(piece.lstrip(_EDGES))
        name = piece.strip(_EDGES)
        if len(name) >= FEWEST_LETTERS[cues.joins]:
            names.append(_Name(name, first, first + len(name)))
        start = following
    return names


def stored_aspects(cues: LanguageCues) -> list[str]:
    """The aspects of Chinese, which are plain words; a single character may be part of a name."""
    return [word for word in cues.aspects.pattern.split("|") if len(word) > 1]
