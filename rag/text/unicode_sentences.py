"""Sentence ends by the rules of Unicode (UAX 29, SB6 to SB11), for languages other than English.

Where they leave a choice, or differ from what readers expect, three corrections apply: a full stop ends a sentence only before
white space, a closing mark may stand after a space in French, and quotations in Chinese and Japanese belong to their sentence.
"""

import re
from collections.abc import Iterator

_STOP = ".․﹒．…"
_MARK = "!?‼⁇⁈⁉‽։؝؞؟۔܀܁܂߹।॥၊။።፧፨។៕᠃᠉᙮⸮﹖﹗"
_CLOSE = "\"'’”“»›«‹)\\]}）」』】》〉〕״׳"
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_END = re.compile(rf"([{_STOP}{_MARK}]+)[{_CLOSE}]*(?:\s+|(?<=[!?])(?=[{_CJK}]))")
_END_FRENCH = re.compile(rf"([{_STOP}{_MARK}]+)(?:\s?»|[{_CLOSE}])*\s+")
# SContinue: a sentence goes on before these (SB8a), but a dash may begin the words of the next speaker.
_GOES_ON = re.compile(r"[,;:،؛、，：；]|[\-–—](?!\s?[¿¡A-ZÀ-ÖØ-ÞА-ЯЁ])")
_NEXT_LETTER = re.compile(rf"[^\W\d_]|[{_STOP}{_MARK}]")
_CJK_END = re.compile(r"[。｡！？!?]*[。｡！？][。｡！？!?]*[」』”’）】》〉〕]*\s*")
_CJK_GOES_ON = re.compile("[とっのはがをにもでや、，,]")  # 「…。」と言った: the quotation is part of the sentence
_CHINESE_SAYS = re.compile("[^。！？，,“”]{0,8}[说問问道喊叫答嚷吼笑想]")  # “…？”她问。
_NOT_SPACE = re.compile(r"\S")
_OPENING, _CLOSING = "「『（【《〈〔", "」』）】》〉〕"
_CLOSING_QUOTES = "」』"


def unicode_boundaries(source: str, language: str) -> list[tuple[int, int]]:
    """The sentences of a text, which together are all of it; white space belongs to the sentence before."""
    ends = sorted({*_ends(source, language), *cjk_ends(source, 0, len(source)), len(source)})
    return [(start, end) for start, end in zip([0, *ends], ends, strict=False) if end > start]


def _ends(source: str, language: str) -> Iterator[int]:
    with_danda = "।" in source  # then a full stop only abbreviates
    for match in (_END_FRENCH if language == "fr" else _END).finditer(source):
        if _GOES_ON.match(source, match.end()):
            continue
        if with_danda and match[1][-1] == ".":
            continue
        letter = _NEXT_LETTER.search(source, match.end())
        if letter and letter.group().islower() and all(mark in _STOP for mark in match[1]):  # SB8
            continue
        yield match.end()


def cjk_ends(source: str, start: int, end: int) -> Iterator[int]:
    """Ends of Chinese and Japanese sentences. Those in brackets are split only if the bracket begins a sentence itself."""
    depth, position = 0, start
    for match in _CJK_END.finditer(source, start, end):
        marks = source[position : match.end()]
        depth = max(0, depth + sum(map(marks.count, _OPENING)) - sum(map(marks.count, _CLOSING)))
        position = match.end()
        last = match.group().rstrip()[-1]
        quote_goes_on = last in _CLOSING_QUOTES and _CJK_GOES_ON.match(source, position)
        within = last in _CLOSING and last not in _CLOSING_QUOTES and _first_character(source, start) not in _OPENING
        is_speech = last == "”" and _first_character(source, start) == "“" and _CHINESE_SAYS.match(source, position)
        if depth == 0 and not quote_goes_on and not within and not is_speech:
            yield position
            start = position


def _first_character(source: str, start: int) -> str:
    match = _NOT_SPACE.search(source, start)
    return match.group() if match else ""
