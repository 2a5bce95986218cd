"""Codes as the documents write them: a question's "E1042" or "e 1042" is searched as "E-1042"."""

import re

from rag.index.contents import Index
from rag.text.terms import terms

_CODE = re.compile(r"\b([A-Za-z]{1,5})[-–/ ]?(\d{2,}[A-Za-z]?)\b")


def codes_as_written(query: str, index: Index) -> dict[str, str]:
    """The codes of a question that no document has as typed, each with the form that one has. Empty for most questions."""
    written = {}
    for match in _CODE.finditer(query):
        letters, digits = match[1].upper(), match[2]
        if not index.document_frequency(_one_term(match.group())):
            forms = (f"{letters}-{digits}", f"{letters}{digits}")
            known = [form for form in forms if index.document_frequency(_one_term(form))]
            if known and known[0] != match.group():
                written[match.group()] = known[0]
    return written


def _one_term(code: str) -> str:
    """The term of a code as a whole; none for two words such as "e 1042"."""
    return "" if re.search(r"\s", code) else terms(code)[0]
