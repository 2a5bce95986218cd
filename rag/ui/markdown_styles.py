"""Which characters of a Markdown text are markup, and how the others read. No character is removed or moved."""

import re

SYNTAX = 1
STRONG = 2
EMPHASIS = 4
CODE = 8
LINK = 16
UNSEEN = 32
NAMES = {SYNTAX: "syntax", STRONG: "strong", EMPHASIS: "emphasis", CODE: "code", LINK: "link", UNSEEN: "unseen"}

_BLOCK_MARKUP = re.compile(
    r"""\A[ \t]*\#{1,6}[ \t]+                    # a heading
      | [ \t]+\#+[ \t]*\Z                        # its optional end
      | \n[ \t]*(?:=+|-+)[ \t]*\Z                # the line below a heading
      | \A[ \t]*[-*+•][ \t]+(?:\[[ xX]\][ \t]+)? # a list item
      | (?m:^[ \t]*>[ \t]?)                      # a quotation
    """,
    re.VERBOSE,
)
_FENCE = re.compile(r"\A[ \t]*(?:```+|~~~+)[^\n]*\n|\n[ \t]*(?:```+|~~~+)[ \t]*\Z")
_INLINE = re.compile(
    r"""(?P<escape>\\)[!-/:-@\[-`{-~]
      | (?P<tick>`+)(?P<code>(?!`).+?(?<!`))(?P=tick)(?!`)
      | (?P<open>!?\[)(?P<text>[^\[\]\n]*)(?P<target>\]\([^()\s]*(?:[ ]"[^"\n]*")?\)|\]\[[^\[\]\n]*\])
      | (?P<two>\*\*|__)(?=\S)(?P<strong>.+?)(?<=\S)(?P=two)
      | (?<![\w*])(?P<one>\*|_)(?=[^\s*_])(?P<emphasis>[^*\n]+?)(?<=\S)(?P=one)(?![\w*])
    """,
    re.VERBOSE | re.DOTALL,
)
# Characters that are invisible, or reverse the order of others. They stay in the text and are outlined.
_UNSEEN = re.compile("[\u200b\u2060-\u2064\u180e\u202a-\u202e\u2066-\u2069\U000e0001-\U000e007f]")


def plain_styles(text: str) -> list[int]:
    """The style of each character of a text without markup: a combination of the constants above."""
    styles = [0] * len(text)
    for match in _UNSEEN.finditer(text):
        styles[match.start()] = UNSEEN
    return styles


def markdown_styles(text: str, *, code: bool = False) -> list[int]:
    """The style of each character of a block of Markdown; `code` says that it is a code block."""
    styles = plain_styles(text)
    for match in (_FENCE if code else _BLOCK_MARKUP).finditer(text):
        _add(styles, match.start(), match.end(), SYNTAX)
    if not code:
        _add_inline(text, 0, len(text), styles)
    return styles


def _add_inline(text: str, start: int, end: int, styles: list[int]) -> None:
    for match in _INLINE.finditer(text, start, end):
        if any(style & SYNTAX for style in styles[match.start() : match.end()]):
            continue
        inner, style = next(
            (name, style)
            for name, style in (("code", CODE), ("text", LINK), ("strong", STRONG), ("emphasis", EMPHASIS), ("escape", SYNTAX))
            if match.group(name) is not None
        )
        first, last = match.span(inner)
        _add(styles, first, last, style)
        if inner != "escape":
            _add(styles, match.start(), first, SYNTAX)
            _add(styles, last, match.end(), SYNTAX)
        if inner in ("text", "strong", "emphasis"):
            _add_inline(text, first, last, styles)


def _add(styles: list[int], start: int, end: int, style: int) -> None:
    for position in range(start, end):
        styles[position] |= style
