"""The "it" that refers to nothing: "Is it normal to feel tired?", "Does it matter whether the nerve was cut?"."""

import re

_BE = r"(?:is|was|isn't|wasn't|will|would|can|could|might|should)"
_DO = r"(?:does|did|will|would|can|could)(?:n't)?"
_ADVERBS = r"(?:(?:be|still|really|ever|always|also|so|usually|normally|generally)\s+)*"
_FOR_WHOM = r"(?:(?:for|of)\s+[\w' -]+?\s+)?"
_CLAUSE = r"(?:to|that|whether|if|when|for|how|why|where|who|what|which|there|you|we|i|they|people)\b"
# What is said of a whole clause: "Is it normal to lose weight?", "Is it true you mustn't stop?"
_JUDGED = (
    "(?:normal|true|possible|impossible|necessary|important|essential|common|uncommon|usual|unusual|rare|typical|allowed"
    "|permitted|forbidden|compulsory|mandatory|obligatory|advisable|recommended|sensible|wise|useful|pointless|worthwhile"
    "|likely|unlikely|known|certain|clear|obvious|natural|reasonable|acceptable|appropriate|customary|best|better|worse|enough"
    r"|sufficient|ok|okay|fine|all right|alright|right|wrong|time|too (?:late|early|soon)|the case|an? (?:\w+ )?\w+)"
)
# What is said of a thing as often: "Is it safe to eat?" points back, "Is it safe to eat raw eggs?" does not.
_HANDLED = (
    "(?:safe|dangerous|unsafe|harmful|risky|easy|hard|difficult|good|bad|legal|illegal|cheaper|healthy|unhealthy|painful|worth)"
)
_OBJECT = (
    r"(?!(?:in|on|at|during|after|before|with|for|when|while|if|by|as|from|again|now|every|too|it|itself|that|this|them)\b"
    r"(?!\s+\d))\w"
)
_PATTERNS = (
    rf"{_BE}\s+(it)\s+{_ADVERBS}{_JUDGED}\s+{_FOR_WHOM}{_CLAUSE}",
    rf"(it)(?:'s|\s+is|\s+was)\s+{_JUDGED}\s+{_CLAUSE}",
    rf"{_BE}\s+(it)\s+{_ADVERBS}{_HANDLED}\s+{_FOR_WHOM}(?:(?:that|whether|if|when)\b|(?:to\s+\w+|\w+ing)\s+{_OBJECT})",
    # "How common is it for nerves to be injured?", "How long is it before …?"
    rf"how\s+\w+\s+(?:is|was)\s+(it)\s+{_ADVERBS}(?:for\s+[\w' -]+?\s+to|that|to|before|until|till)\b",
    rf"{_DO}\s+(it)\s+{_ADVERBS}(?:help|hurt|pay|harm|work|count|feel|look|seem)\s+(?:like\s+)?to\b",
    rf"{_DO}\s+(it)\s+{_ADVERBS}(?:matter|happen|feel|mean|make (?:any |much |a )?(?:sense|difference))\s+(?:like\s+|much\s+)?"
    r"(?:to|that|whether|if|when|which|who|what|how)\b",
    # "How long does it take for the nerve to …?", "How much does it cost to …?"
    rf"{_DO}\s+(it)\s+{_ADVERBS}(?:take|cost)\s+(?:[\w' -]+?\s+)?to\s+\w+\s+{_OBJECT}",
    # "What is it called when …?", "What is it like to …?"
    r"(?:what|how)\s+(?:is|was|do (?:you|they|people) call)\s+(it)\s+(?:(?:called|termed|named|like|known as)\s+)?"
    r"(?:when|if|to|that)\b",
    r"(it)\s+(?:says|looks like|seems|turns out|rains|snows)\b",
)
_THAT = re.compile(r"\bthat$", re.IGNORECASE)
_EXPLETIVE = re.compile("|".join(rf"\b{pattern}" for pattern in _PATTERNS), re.IGNORECASE)


def expletives(question: str) -> frozenset[int]:
    """The positions of each "it" that refers to nothing."""
    return frozenset(match.start(match.lastindex or 0) for match in _EXPLETIVE.finditer(question))


def without_expletives(question: str) -> str:
    """The question with each such "it", and the "that" of its clause, blanked out; positions stay the same."""
    for match in _EXPLETIVE.finditer(question):
        blanked = f"  {question[match.start(match.lastindex or 0) + 2 : match.end()]}"
        blanked = _THAT.sub("    ", blanked)
        question = question[: match.start(match.lastindex or 0)] + blanked + question[match.end() :]
    return question
