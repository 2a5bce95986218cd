"""Why there is no answer, and which words were looked for."""

import re
from collections.abc import Sequence

from rag.index.contents import Index
from rag.text.languages import UNKNOWN, may_be_in
from rag.text.question_language import foreign_language
from rag.text.terms import ENGLISH, content_words, terms

SMALL_TALK = ("greeting", "small_talk", "about_program", "gibberish")  # reasons that mean the documents were not asked
_GREETING = re.compile(
    r"(?:hi|hello|hey|hiya|howdy|greetings|good (?:morning|afternoon|evening|day)|how are you(?: doing)?|how do you do|what's up"
    r"|thanks?(?: you)?(?: (?:so|very) much| a lot)?|cheers|bye|goodbye|see you|ok(?:ay)?|nice to meet you|who are you"
    r"|are you (?:there|a bot|a robot|human)|test(?:ing)?)"
    r"(?:[ ,]+(?:there|everyone|all|chatbot|bot|you|again|today|my friend))*",
    re.IGNORECASE,
)
_VOWEL = re.compile(r"[aeiouy]", re.IGNORECASE)
_UNPRONOUNCEABLE = re.compile(r"[bcdfghjklmnpqrstvwxz]{5,}|(.)\1{3,}", re.IGNORECASE)


def reason_for(query: str, index: Index) -> str:
    """Why there is no answer: "greeting", "gibberish", "other_language", "not_in_documents" if no document has any of the
    query's words, or "near_miss".
    """
    if _GREETING.fullmatch(query.strip(" \t!.?,:;)(")):
        return "greeting"
    looked_for, unknown = searched_words(query, index)
    foreign = foreign_language(query) is not None
    if not foreign and _is_gibberish(query, looked_for, unknown):
        return "gibberish"
    shared = [language for language in index.languages if may_be_in(query, language)]
    agree = any(language not in (ENGLISH, UNKNOWN) for language in shared) if foreign else bool(shared)
    if not agree and len(unknown) * 2 > len(looked_for):
        return "other_language"
    return "not_in_documents" if looked_for and len(unknown) == len(looked_for) else "near_miss"


def searched_words(query: str, index: Index) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The query's content words, as typed and in order; and those of them that occur in no document."""
    others = [code for code in index.languages if code not in (ENGLISH, UNKNOWN) and may_be_in(query, code)]
    words = {word: stems for word, stems in content_words(query).items() if all(terms(word, other) for other in others)}
    return tuple(words), tuple(word for word, stems in words.items() if not any(map(index.has, stems)))


def _is_gibberish(query: str, looked_for: Sequence[str], unknown: Sequence[str]) -> bool:
    """No letters at all, or only words that no document has and most of which are unpronounceable."""
    if not any(character.isalpha() for character in query):
        return not looked_for or len(unknown) == len(looked_for)
    if not looked_for or len(unknown) < len(looked_for):
        return False
    odd = [word for word in unknown if word.isascii() and (not _VOWEL.search(word) or _UNPRONOUNCEABLE.search(word))]
    return len(odd) * 2 >= len(unknown)
