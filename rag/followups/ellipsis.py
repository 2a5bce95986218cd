"""Follow-ups that leave out most of a question ("why?", "and in children?"): the last question with their words in it."""

import re

from rag.text.terms import terms

LONGEST_CONDITION = 7  # words of "and in children under five?"
LONGEST_LEAD = 2  # words between the question word and the auxiliary: "Which side effects does"
_AUXILIARY = r"(?:is|are|was|were|do|does|did|can|could|will|would|should|shall|may|might|must|has|have|had)"
_CLAUSE = re.compile(
    rf"^(?P<lead>(?:(?:why|when|where|how|what|which|who)\b(?:\s+[\w-]+){{0,{LONGEST_LEAD}}}?\s+)?)(?P<auxiliary>{_AUXILIARY})"
    r"\s+(?P<rest>.+?)\s*[?.!]*$",
    re.IGNORECASE,
)
_LEAD_IN = r"(?:(?:and|but|so|or|then|ok|okay|what about|how about|also)\b[\s,]*)"
_BARE = re.compile(
    rf"^{_LEAD_IN}?(?P<asks>why(?P<negated> not)?|how come|how so|when|where|how(?: exactly)?"
    r"|(?:for |by |since |until )?(?:how (?:long|often|soon|fast|quickly|much|far|early|late)|when))"
    r"(?:\s+(?:is (?:that|this|it)|then|exactly|though|so))?\s*[?.!]*$",
    re.IGNORECASE,
)
_CONDITION = re.compile(
    rf"^(?:{_LEAD_IN}+(?P<any>(?:in|for|with|without|after|before|during|at|on|from|under|over|among|between|by|against|if|when|while)\b.+?)"
    r"|(?P<plain>(?:in|for|with|without|after|before|during|under|over|among|against|if)\b.+?))\s*[?.!]*$",
    re.IGNORECASE,
)
_ASKS_MORE = re.compile(
    rf"\b(?:what|which|whom?|how|why|where)\b|^(?:when|if)\s+{_AUXILIARY}\b|^\w+\s+(?:it|that|this|them)\s*$", re.IGNORECASE
)
_VERB = re.compile(rf"\b{_AUXILIARY}\b", re.IGNORECASE)
_LEADING = re.compile(rf"^{_LEAD_IN}+", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+(?:['’.-][^\W_]+)*")


def completed(question: str, last: str) -> str | None:
    """The whole question that an elliptic one stands for after the question `last`; None if its form does not tell.

    "why?" after "Can it heal?" asks "why can it heal?", "and in children?" adds to the last question, and "the Brisa 500?"
    takes the place of "the Brisa 300".
    """
    return _with_last_clause(question, last) or _as_condition(question, last) or _in_place(question, last)


def _with_last_clause(question: str, last: str) -> str | None:
    bare, clause = _BARE.match(question.strip()), _CLAUSE.match(last.strip())
    if not bare or not clause or not terms(clause["rest"]):
        return None
    lead, auxiliary = clause["lead"].lower().split(), clause["auxiliary"].lower()
    subject_asked = lead and lead[0] in ("what", "which", "who") and auxiliary not in ("do", "does", "did")
    adjective_asked = len(lead) > 1 and lead[0] == "how" and auxiliary in ("is", "are", "was", "were")
    if subject_asked or adjective_asked:  # "What is a neuroma?" and "How common is it?" leave no clause to ask about
        return None
    asks = "why" if bare["asks"].lower() in ("how come", "how so") else bare["asks"].lower()
    if bare["negated"]:
        asks, auxiliary = "why", _negated(auxiliary)
    return f"{asks.capitalize()} {auxiliary} {clause['rest']}?"


def _negated(auxiliary: str) -> str:
    return {"can": "can't", "will": "won't", "shall": "shan't", "may": "may not", "might": "might not"}.get(
        auxiliary, f"{auxiliary}n't"
    )


def _as_condition(question: str, last: str) -> str | None:
    match = _CONDITION.match(question.strip())
    condition = (match["any"] or match["plain"]) if match else ""
    if not condition or len(condition.split()) > LONGEST_CONDITION or not terms(condition) or _ASKS_MORE.search(condition):
        return None
    if _VERB.search(condition) and not re.match(r"(?:if|when|while)\b", condition, re.IGNORECASE):
        return None
    return f"{last.rstrip('?.! ')} {condition[0].lower()}{condition[1:]}?"


def _in_place(question: str, last: str) -> str | None:
    """A phrase that shares words with one of the last question takes its place: the words must agree in their positions."""
    phrase = _LEADING.sub("", question.strip()).strip(" ?.!,")
    words, places = phrase.split(), list(_WORD.finditer(last))
    if not 1 < len(words) <= LONGEST_CONDITION or _VERB.search(phrase) or _ASKS_MORE.search(phrase):
        return None
    for first in range(len(places) - len(words) + 1):
        window = places[first : first + len(words)]
        same = [word.lower() == place.group().lower() for word, place in zip(words, window, strict=True)]
        shared = [word for word, equal in zip(words, same, strict=True) if equal and terms(word)]
        changed = [
            (terms(word), terms(place.group())) for word, place, equal in zip(words, window, same, strict=True) if not equal
        ]
        if shared and changed and all(new and old for new, old in changed):
            return f"{last[: window[0].start()]}{phrase}{last[window[-1].end() :]}"
    return None
