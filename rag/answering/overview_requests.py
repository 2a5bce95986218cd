"""Recognises a request for an overview by its words alone: what it wants an overview of, and in how many sentences.

Whether the documents have anything of that name decides whether it is a request: see `overview_targets`.
"""

import re
from dataclasses import dataclass, replace
from typing import Literal

from rag.answering.document_names import folded
from rag.text.numerals import NUMBER_WORDS

LONGEST = 400  # characters of a request: a long path and some words
MOST_SENTENCES = 100  # of an overview; more is no overview
_DOCUMENT = (
    "document|file|pdf|paper|report|guide|manual|handbook|book|booklet|text|page|article|leaflet|brochure|policy|contract"
    "|agreement|letter|memo|presentation|spreadsheet|table|sheet|note|study|protocol|guideline|regulation|statute|law|chapter"
    "|lesson|lecture|glossary|faq|plan|factsheet|handout|thesis|transcript|minutes|email|mail"
)
DOCUMENT_NOUN = re.compile(rf"\b(?:{_DOCUMENT})\b")
_NUMBERS = NUMBER_WORDS[:12]
_FOR_ME = (
    r"(?: for (?:me|us|a beginner|beginners)| please| briefly| in brief| in short| in a nutshell"
    r"| in (?:a few|plain|simple) words)*"
)
_SENTENCES = rf"(?: in (?:about |at most |no more than |up to )?(?P<number>\d+|{'|'.join(_NUMBERS)}) sentences?)?"
_POLITE = (
    r"(?:please |kindly |can you |could you |would you |will you |i (?:want|need)(?: to have)? |i would like(?: to have)? "
    r"|i'd like |show me |give me |give us |give |let me have |show |write |make |provide |create |produce |tell me |now |and "
    r"|ok |so )*"
)
_NOUN = (
    r"(?:what(?: i|')s |what are )?(?:an? |the |your |one )?(?:very |more )?"
    r"(?:short |brief |quick |concise |general |full |rough |high level |executive )?"
    r"(?:summary|overview|outline|synopsis|digest|gist|précis|tl;?dr|recap|rundown"
    r"|(?:key|main|most important|central|essential) (?:points?|ideas?|takeaways?|messages?|contents?|statements?|topics?))"
)
_SAYS = "say|contain|cover|include|deal with|treat|discuss|describe|consist of|talk about|have in it"
_TOPICS = "(?:what|which) (?:topics|subjects|themes|areas|points)"
_FORMS = tuple(
    re.compile(f"{_POLITE}(?:{form}){_FOR_ME}{_SENTENCES}{_FOR_ME}")
    for form in (
        rf"{_NOUN}(?:(?: of| for| on| about| from|:) (?:what is in )?(?P<name>.+?))?",
        r"(?:summari[sz]e|sum up|outline|recap|condense)(?: (?P<name>.+?)(?: up)?)?",
        r"(?:what(?: i|')s|what is there|what do you have) (?:in|inside|contained in|written in|covered (?:in|by)) (?P<name>.+?)",
        r"what(?: i|'| wa)s (?P<name>.+?) (?:all )?about",
        r"what (?:is|are) (?P<name>.+?) about",
        rf"what (?:does|do) (?P<name>.+?) (?:{_SAYS})",
        rf"{_TOPICS} (?:does|do) (?P<name>.+?) (?:{_SAYS})",
        rf"{_TOPICS} (?:are|is) (?:covered|treated|discussed) (?:in|by) (?P<name>.+?)",
        r"what (?:can|will|would|do) i (?:find|learn|read) (?:in|from) (?P<name>.+?)",
        r"tl;?dr:? (?P<name>.+?)",
        r"(?P<name>.+?):? (?:summary|overview|tl;?dr)",
        # German, French, Spanish, Italian, Chinese
        r"(?:eine? )?(?:kurze )?(?:zusammenfassung|übersicht|überblick) (?:von|des|der|über|zu) (?P<name>.+?)",
        r"fasse? (?P<name>.+?) zusammen",
        r"(?:was steht|worum geht es) in (?P<name>.+?)",
        r"(?:un )?résumé d(?:e |u |')(?P<name>.+?)",
        r"(?:un )?aperçu d(?:e |u |')(?P<name>.+?)",
        r"résume[rz]? (?P<name>.+?)",
        r"de quoi parle (?P<name>.+?)",
        r"(?:un )?resumen de(?:l)? (?P<name>.+?)",
        r"resum[ea] (?P<name>.+?)",
        r"¿?de qué trata (?P<name>.+?)",
        r"(?:un )?riassunto d(?:i|el|ella) (?P<name>.+?)",
        r"di cosa parla (?P<name>.+?)",
        r"(?:总结|概括)(?:一下)? ?(?P<name>.+?)",
        r"(?P<name>.+?) ?的?(?:概览|摘要|总结)",
    )
)
_THIS = re.compile(
    rf"(?:this|that|the (?:current|open|opened|chosen|selected|cited|same|whole|entire)|my|your|the) (?:{_DOCUMENT})"
    r"|(?:diese[ms]?|dieser) (?:dokument|datei|text)s?|(?:ce|le) (?:document|fichier|texte)"
    r"|(?:este|el) (?:documento|archivo|texto)|(?:questo|il) (?:documento|file|testo)"
)
_NOUN_ONLY = re.compile(rf"(?:the|my|your) (?:{_DOCUMENT})")  # may also be a document's name
_ALL = re.compile(
    r"everything|(?:all|these|those|my|your|our|the)(?: of)?(?: (?:the|my|your|our|these|those|chosen|selected))?"
    r" (?:documents|files|papers|reports|texts|sources|corpus|collection|library|knowledge base)"
    r"|(?:this|the) (?:folder|directory)"
)
_FOLDER = re.compile(r"(?:the |this |my )?(?:(?:folder|directory) (?P<after>.+)|(?P<before>.+) (?:folder|directory))")
_PART_LABEL = r"chapter|section|part|annex|appendix|clause|module|unit|lesson|schedule|§"
_NUMBERED = re.compile(
    rf"(?:the )?(?P<label>{_PART_LABEL}) ?(?P<number>\d+(?:\.\d+)*|[ivxlc]+|[a-z])\b"
    r"(?: (?:of|in|from) (?P<of>.+))?"
)
_TITLED = re.compile(
    rf"the (?:(?:{_PART_LABEL}) (?:on|about|called|titled|named|entitled|headed) (?P<title>.+?)"
    rf"|(?P<before>.+?) (?:{_PART_LABEL}))"
    r"(?: (?:of|in|from) (?P<of>(?:the |this |that |my ).+|\S+\.\w+))?"
)

RequestKind = Literal["current", "all", "folder", "number", "title", "name"]


@dataclass(frozen=True, slots=True)
class Request:
    """What an overview is wanted of.

    "current": the document in hand, which may also be one of this `name`; "all": all documents in hand; "folder": the folder of
    this name; "number" and "title": the section with this number or title within the document `of`, which is "" if not named;
    "name": whatever has this name. A `bare` request names nothing. `words` are all that were said of it.
    """

    kind: RequestKind
    name: str = ""
    of: str = ""
    label: str = ""
    sentences: int | None = None
    bare: bool = False
    words: str = ""


def request_in(question: str) -> Request | None:
    """The request that a question may be; None if it has none of the forms."""
    text = " ".join(question.casefold().replace("’", "'").replace(", please", " please").split()).strip(" ?!.？！。")
    if len(text) > LONGEST:
        return None
    for form in _FORMS:
        if match := form.fullmatch(text):
            groups = match.groupdict()
            words = (groups["name"] or "").strip(" \"'“”:")
            return replace(_request(words, _number(groups["number"])), words=words)
    return None


def _request(name: str, sentences: int | None) -> Request:
    if not name or name in ("it", "this", "that"):
        return Request("current", sentences=sentences, bare=True)
    if _THIS.fullmatch(name):
        own_name = name if _NOUN_ONLY.fullmatch(name) else ""
        return Request("current", own_name, sentences=sentences)
    if _ALL.fullmatch(name):
        return Request("all", sentences=sentences)
    if match := _NUMBERED.fullmatch(name):
        return Request("number", match["number"], _of(match["of"]), match["label"], sentences)
    if match := _FOLDER.fullmatch(name):
        return Request("folder", match["after"] or match["before"], sentences=sentences)
    if match := _TITLED.fullmatch(name):
        return Request("title", match["title"] or match["before"], _of(match["of"]), sentences=sentences)
    return Request("name", name, sentences=sentences)


def _of(name: str | None) -> str:
    return "" if name is None or _THIS.fullmatch(name) and not _NOUN_ONLY.fullmatch(name) else folded(name)


def _number(text: str | None) -> int | None:
    if text is None:
        return None
    number = int(text) if text.isdecimal() else _NUMBERS.index(text) + 1
    return max(1, min(MOST_SENTENCES, number))
