"""Headings to words."""

import re

LONGEST = 1_000  # characters of a heading; what comes after says nothing more
_MARKS = re.compile(r"^#{1,6}[ \t]+|[ \t]+#+[ \t]*$")
_LINK = re.compile(r"!?\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])")
_EMPHASIS = re.compile(r"(?<!\w)[*_]+|[*_]+(?!\w)|`")


def heading_text(heading: str) -> str:
    """A heading's words without its Markdown: `## The *nerve* ##` -> `The nerve`; of several lines the first."""
    line = _MARKS.sub("", heading.strip().split("\n")[0].strip()[:LONGEST])
    return _EMPHASIS.sub("", _LINK.sub(r"\1", line)).strip()


_APPARATUS = re.compile(
    r"(?:\d+\.?\s*)?(?:literature|references|(?:selected )?bibliography|further reading|works cited|sources"
    r"|(?:literature|sources) cited|disclaimer)",
    re.IGNORECASE,
)


def is_back_matter(headings: tuple[str, ...]) -> bool:
    """References and disclaimers: the title of a cited paper often says the question's very words, but answers nothing."""
    return bool(headings) and _APPARATUS.fullmatch(headings[-1].strip(" :")) is not None
