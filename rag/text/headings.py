"""Headings as plain words, and the headings of back matter."""

import re

LONGEST_HEADING = 1_000  # characters; anything longer is not a heading
_MARKS = re.compile(r"^#{1,6}[ \t]+|[ \t]+#+[ \t]*$")
_LINK = re.compile(r"!?\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])")
_EMPHASIS = re.compile(r"(?<!\w)[*_]+|[*_]+(?!\w)|`")
_BACK_MATTER = re.compile(
    r"(?:\d+\.?\s*)?(?:literature|references|(?:selected )?bibliography|further reading|works cited|sources"
    r"|(?:literature|sources) cited|disclaimer)",
    re.IGNORECASE,
)


def heading_text(heading: str) -> str:
    """The words of a heading without Markdown: `## The *nerve* ##` -> `The nerve`. Of several lines, only the first."""
    line = _MARKS.sub("", heading.strip().split("\n")[0].strip()[:LONGEST_HEADING])
    return _EMPHASIS.sub("", _LINK.sub(r"\1", line)).strip()


def is_back_matter(headings: tuple[str, ...]) -> bool:
    """Whether the innermost heading is of references or a disclaimer.

    The title of a cited paper often contains the words of the question but never answers it.
    """
    return bool(headings) and _BACK_MATTER.fullmatch(headings[-1].strip(" :")) is not None
