"""reStructuredText, converted to HTML with every feature disabled that could read other files."""

from docutils.core import publish_string

from rag.loading.blocks import ParsedFile, assemble
from rag.loading.text_files.decoding import decode
from rag.loading.web.web_page import parse_page

_SAFE_SETTINGS = {
    "file_insertion_enabled": False,
    "raw_enabled": False,
    "_disable_config": True,
    "embed_stylesheet": False,
    "stylesheet_path": "",
    "report_level": 5,  # none: unknown directives and roles are those of other programs
    "halt_level": 5,
    "output_encoding": "unicode",
    "syntax_highlight": "none",
    "line_length_limit": 1_000_000,
}


def read(data: bytes) -> ParsedFile:
    page = publish_string(decode(data), writer="html4", settings_overrides=_SAFE_SETTINGS)
    parsed = parse_page(str(page))
    return assemble(parsed.title, parsed.pieces, parsed.notes)
