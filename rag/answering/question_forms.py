"""What a question asks for by its form: one fact, or several sentences."""

import re

_PLURAL = r"(?:\w+ )?(?!(?:does|was|has|is|happens)\b)\w{2,}[^su\W]s\b(?! (?:is|does|has|was)\b)"
_SEVERAL = re.compile(
    rf"\b(?:(?:which|what) {_PLURAL}|what (?:\w+ ){{0,2}}?(?:are|were)|what (?:happens|happened|occurs|follows)"
    r"|which (?:\w+ ){0,2}?are|causes|symptoms|signs|types|kinds|forms|steps|stages|phases|list|name the|ways|reasons|options"
    r"|(?:the|main|common|likely|possible) (?:cause|treatment)|treatments|complications|effects|differences?|differs?"
    r"|compare[ds]?|versus|vs|how (?:do|does|can|is|are|to)|why|explain|describe|advantages|benefits|risks|factors"
    r"|requirements|examples|uses|functions|features|criteria)\b",
    re.IGNORECASE,
)
_CLAUSE_START = r"(?:^\W*|[,;:]\s*|\b(?:and|or|but|so|then|since|until|till|from|to|by|at|in|on|with|for|of)\s+)"
_SINGLE = re.compile(
    rf"{_CLAUSE_START}(?:who|whom|whose|when|where)\b"  # elsewhere, "when" and "who" only join clauses
    r"|\bhow (?:many|much|long|fast|far|old|often|big|tall|high|large|soon|deep|wide|late|early)\b"
    r"|\b(?:what|which) (?:year|day|date|time|number|percentage|share|age|dose)\b",
    re.IGNORECASE,
)
_YES_NO = re.compile(
    r"(?:(?:so|and|but|then|also)\W+)?(?:can|may|is|are|am|was|were|do|does|did|must|should|shall|could|will|would|has|have|had"
    r"|need|(?:is|are|do|does|can|could|would|should|wo|must|did|has|have|was|were)n['’]t|cannot)\s",
    re.IGNORECASE,
)
_MEANING = re.compile(
    r"(?:so |and )?(?:what(?: is|'s|’s| are)(?: meant by)? (?:an? |the )?(?:term |word )?(.+?)"
    r"|what do(?:es)? (?:an? |the )?(?:term |word )?(.+?) mean|(?:define|explain) (?:the )?(?:term |word )?(.+?)"
    r"|(.+?) (?:definition|meaning)|(?:definition|meaning) of (.+?))",
    re.IGNORECASE,
)
_ABOUT_A_THING = re.compile(r"\b(?:of|in|for|at|on|by|from|with|to|per|between|and|or|when|if|\w+['’]s)\b|['’] ", re.IGNORECASE)


def asks_yes_or_no(query: str) -> bool:
    """Whether the answer could be yes or no: "Can earrings be returned?"."""
    return bool(_YES_NO.match(query.strip()))


def thing_explained(query: str) -> str | None:
    """X of "What is X?", "What does X mean?" or "Define X"; None for a question that asks for something about a thing."""
    match = _MEANING.fullmatch(query.strip(" ?.!"))
    name = match and next(filter(None, match.groups()))
    return name if name and not _ABOUT_A_THING.search(name) else None


def names_one_fact(query: str) -> bool:
    """Whether the question word asks for a single fact: who, when, how many. A later word counts less than an earlier one:
    "What happens when …" asks for more than a time.
    """
    single, several = _SINGLE.search(query), _SEVERAL.search(query)
    return single is not None and (several is None or single.start() <= several.start())


def asks_for_one(query: str) -> bool:
    """Whether a single fact is asked for, such as who, when or how many, rather than causes, steps or reasons."""
    return names_one_fact(query) or not _SEVERAL.search(query)
