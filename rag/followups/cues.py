"""Cues that a question depends on earlier turns: words that it has, and words that it lacks."""

import re
from dataclasses import dataclass

from rag.followups.expletives import without_expletives
from rag.text.terms import terms

LONGEST_FRAGMENT = 4  # terms; without a verb, a longer question is a keyword query, not a fragment ("children under five?")

_POINTING = re.compile(
    r"\b(?:it|its|itself|they|them|their|theirs|he|him|his|she|her|hers|this|that|these|those|there|one|ones|both|either|neither"
    r"|such|former|latter|others?|another|same|else)\b",
    re.IGNORECASE,
)
# Uses of these words that refer to nothing earlier: "the nerve that …", "is there …", "this year".
_NOT_POINTING = re.compile(
    r"\b(?:(?:is|are|was|were|will|be|can|could|should) there|there (?:is|are|was|were)|each other|(?:the|a|an) \w+ that"
    r"|this (?:year|month|week)|so that|no one|anyone else|one (?:of|hand|can|should|day)"
    r"|it (?:is|was) (?:true|possible|safe))\b",
    re.IGNORECASE,
)
FEW_TERMS = 2  # of our dialogues' questions with so few and a pronoun that points back, 240 lean and 4 do not
ANTECEDENT = 2  # terms that a pointing word can refer to within its question
_PERSONS = frozenset("he him his she her hers".split())
_CLAUSE_END = re.compile(
    r"[.?!;,]\s|\b(?:and|but|or|so|before|after|if|when|while|until|because|since|although|though|unless|once|than)\b"
)
# "What about scratches?", but not "What about dogs, do they need a ticket?"
_WHAT_ABOUT = re.compile(
    r"(?:(?:and|but|so)\s+)?(?:what|how) about\s+(?P<condition>(?:in|for|with|after|during|on|at)\s)?[^,:;.?!]+\??", re.IGNORECASE
)
_LAST_PRONOUN = re.compile(r"\b(?:it|them|him|her|this|that|these|those)(?=\s*[?.!]*\s*$)", re.IGNORECASE)
_PRONOUN = re.compile(r"\b(?:it|its|they|them|their)\b")
_TAKES = re.compile(r"\bit(?=\s+takes?\b)", re.IGNORECASE)
_BEGINNING = re.compile(
    r"(?:and|but|so|or|then|also|what about|how about|what if|why not|how so|in which case"
    r"|for (?:how long|what|whom)|since when|by (?:how|what|whom)|at what|compared)\b",
    re.IGNORECASE,
)
_COMPARING = re.compile(
    r"\b(?:more|less|better|worse|best|worst|faster|slower|longer|bigger|larger|smaller|older|younger|cheaper"
    # "the first one", not "the first dorsal interosseous".
    r"|(?:first|second|third|last|next)(?=\s+(?:ones?|two|three)\b|\W*$)|previous|other"
    r"|different|differences?|compare[ds]?|instead|rest|remaining|again|too|also|afterwards?)\b",
    re.IGNORECASE,
)
_NEW_SUBJECT = re.compile(
    r"(?:something else|another (?:question|topic|thing)|(?:on|to) (?:another|a different) (?:note|topic|subject)"
    r"|new (?:question|topic)|(?:changing|change of) (?:the )?(?:subject|topic)|by the way|forget (?:that|it)|never ?mind)\b",
    re.IGNORECASE,
)
_VERB = re.compile(
    r"\b(?:is|are|was|were|am|be|been|do|does|did|has|have|had|can|could|will|would|shall|should|may|might|must"
    r"|tell|explain|describe|list|give|show|compare|define|name|\w{3,}(?:s|ed))\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Cues:
    """Signs that a question depends on earlier turns. `words` is its number of different terms."""

    pointing: bool
    beginning: bool
    comparing: bool
    elliptic: bool
    new_subject: bool
    words: int

    @property
    def whole(self) -> bool:
        """Whether the question shows no sign of depending on earlier turns."""
        return self.new_subject or not (self.pointing or self.beginning or self.comparing or self.elliptic)


def points_back(question: str) -> bool:
    """Whether a pointing word refers to an earlier turn; the "it" of "how long does it take" refers to nothing."""
    words = _POINTING.finditer(_TAKES.sub(_blanks, _NOT_POINTING.sub(_blanks, without_expletives(question))))
    return any(not refers_within(question, match) for match in words)


def needs_its_antecedent(question: str) -> bool:
    """Whether a pronoun for something named in an earlier turn is its last word, or stands in a question of few terms.

    "How many babies are born with it?", "How do I make it go away?"
    """
    match = _LAST_PRONOUN.search(question)
    if match and not refers_within(question, match):
        return True
    return len(set(terms(question))) <= FEW_TERMS and bool(_PRONOUN.search(question)) and points_back(question)


def is_fragment(question: str) -> bool:
    """Whether it asks about something more in the words of the last question: "What about scratches?", "What about in winter?".

    With more than one term of its own, it mostly names its subject: "What about ibuprofen and amoxicillin together?"
    """
    match = _WHAT_ABOUT.fullmatch(question.strip())
    return match is not None and (bool(match["condition"]) or len(set(terms(question))) == 1)


def refers_within(question: str, match: re.Match[str]) -> bool:
    """Whether a pointing word refers to something named in the same question before it.

    "My brother has ALS. How fast does it progress?" does, "How many babies are born with it?" does not: there must be
    ANTECEDENT terms, and the end of a clause between; "he" and "she" need no end of a clause.
    """
    before = question[: match.start()]
    if len(set(terms(before))) < ANTECEDENT:
        return False
    return match.group().lower() in _PERSONS or _CLAUSE_END.search(before) is not None


def _blanks(match: re.Match[str]) -> str:
    return " " * len(match.group())


def cues_of(question: str) -> Cues:
    stripped = question.strip().lower()
    words = len(set(terms(question)))
    return Cues(
        pointing=bool(_POINTING.search(_NOT_POINTING.sub(" ", without_expletives(question)))),
        beginning=bool(_BEGINNING.match(stripped)),
        comparing=bool(_COMPARING.search(question)),
        elliptic=words <= 1 or (words <= LONGEST_FRAGMENT and not _VERB.search(question)),
        new_subject=bool(_NEW_SUBJECT.match(stripped)),
        words=words,
    )
