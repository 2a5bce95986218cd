"""reStructuredText by way of HTML, with everything off that would read other files."""

from docutils.core import publish_string

from rag.loading.blocks import ParsedFile, assemble
from rag.loading.text_files.decoding import decode
from rag.loading.web.web_page import pieces_of

_SAFE = {
    "file_insertion_enabled": False,
    "raw_enabled": False,
    "_disable_config": True,
    "embed_stylesheet": False,
    "stylesheet_path": "",
    "report_level": 5,  # of unknown directives and roles, which other programs define, nothing is said
    "halt_level": 5,
    "output_encoding": "unicode",
    "syntax_highlight": "none",
    "line_length_limit": 1_000_000,
}


def read(data: bytes) -> ParsedFile:
    page = publish_string(decode(data), writer="html4", settings_overrides=_SAFE)
    return assemble(*pieces_of(str(page)))
