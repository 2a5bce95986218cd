"""Cues that a question depends on earlier turns: words that it has, and words that it lacks."""

import re
from dataclasses import dataclass

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


def cues_of(question: str) -> Cues:
    stripped = question.strip().lower()
    words = len(set(terms(question)))
    return Cues(
        pointing=bool(_POINTING.search(_NOT_POINTING.sub(" ", question))),
        beginning=bool(_BEGINNING.match(stripped)),
        comparing=bool(_COMPARING.search(question)),
        elliptic=words <= 1 or (words <= LONGEST_FRAGMENT and not _VERB.search(question)),
        new_subject=bool(_NEW_SUBJECT.match(stripped)),
        words=words,
    )
