"""The catalogues of the program's own texts: complete, without unused texts, with the same names in braces."""

import ast
import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import get_args

import pytest
from jinja2 import Environment, nodes
from selectolax.lexbor import LexborHTMLParser

from rag.answering import own_voice, wording
from rag.answering.overview_answer import FACT_NAMES
from rag.conflicts.comparing import DifferenceKind
from rag.review.matrix_files import NOT_STATED, UNRATED
from rag.review.watch_changes import KINDS
from rag.translations import ENGLISH, LANGUAGES, catalogue, number, read_in, t, translated
from rag.ui import answer_view, documents_view, evaluation_view
from rag.ui.answer_actions import FORMATS
from rag.ui.conversation_view import GROUPS
from rag.ui.help_acts import FACTS
from rag.ui.page import TABS
from rag.ui.page_files import STATIC
from tests.conftest import ROOT

TRANSLATED = [language for language in LANGUAGES if language != ENGLISH]


def used_texts() -> set[str]:
    """Every text that is translated anywhere."""
    return {*own_voice.TEXTS, *wording.TEXTS, *_named_texts(), *_in_python(), *_in_templates(), *_in_scripts(), *_in_elements()}


def _named_texts() -> set[str]:
    """Those that the page keeps in tables."""
    verdicts = {
        "rightly abstained",
        "answered, but the documents do not answer it",
        "right",
        "abstained",
        "wrong sentences",
        "not retrieved",
    }
    states = {"indexed", "new", "changed", "removed", "same as", "not read", "skipped"}
    return {
        *answer_view.STRENGTHS, *answer_view.STRENGTHS.values(), *answer_view.JUDGED.values(), answer_view.NOT_THERE,
        *(label for _, label in FORMATS), *(label for _, label in documents_view.COLUMNS), *documents_view.STAGES.values(),
        *documents_view.OUTCOMES.values(), *evaluation_view.MEANING.values(), *TABS, *FACTS, *states, *verdicts,
        *GROUPS, *documents_view.CHANGES, *FACT_NAMES.values(), *KINDS.values(), NOT_STATED, UNRATED, "not asked yet", "no answer", "answered",
        "strong match", "fair match", "weak match", *get_args(DifferenceKind),
    }  # fmt: skip


def _in_python() -> Iterator[str]:
    """What `t("…")` is given in the modules of the page."""
    for path in (ROOT / "rag" / "ui").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "t":
                yield from (str(text.value) for text in node.args[:1] if isinstance(text, ast.Constant))


def _in_templates() -> Iterator[str]:
    environment = Environment(autoescape=True)
    for path in (ROOT / "rag" / "templates" / "page").glob("*.html"):
        for call in environment.parse(path.read_text(encoding="utf-8")).find_all(nodes.Call):
            if isinstance(call.node, nodes.Name) and call.node.name == "t" and isinstance(call.args[0], nodes.Const):
                yield call.args[0].value


def _in_scripts() -> Iterator[str]:
    for path in STATIC.glob("*.js"):
        for match in re.finditer(r'\bt\(("(?:[^"\\]|\\.)*")', path.read_text(encoding="utf-8")):
            yield json.loads(match[1])


def _in_elements() -> Iterator[str]:
    """As `translate` in texts.js reads the page's constant HTML."""
    for path in STATIC.glob("*.html"):
        document = LexborHTMLParser(path.read_text(encoding="utf-8"))
        covered: set[int] = set()
        for element in document.css("body *"):
            for name in ("title", "aria-label", "placeholder"):
                if element.attributes.get(name):
                    yield str(element.attributes[name])
            own = [node.text(deep=False) or "" for node in element.iter(include_text=True) if node.is_text_node]
            if element.mem_id in covered or not any(re.search(r"[^\W\d_]", text) for text in own):
                continue
            covered |= {inner.mem_id for inner in element.css("*")}
            yield " ".join((element.inner_html or "").split())


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_text_is_translated_and_none_is_left_over(language: str) -> None:
    assert sorted(used_texts() - set(catalogue(language))) == []
    assert sorted(set(catalogue(language)) - used_texts()) == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_translations_have_the_names_of_the_english_text(language: str) -> None:
    for text, translation in catalogue(language).items():
        assert Counter(re.findall(r"{\w+}", text)) == Counter(re.findall(r"{\w+}", translation)), text
        assert translation.strip() and text[-1:].isspace() == translation[-1:].isspace(), text


def test_texts_are_in_the_language_of_the_reader_within_a_request_only() -> None:
    text = wording.ABSTENTIONS["empty_question"]
    with read_in("de"):
        assert (t(text), number(12_345)) == ("Bitte geben Sie eine Frage ein.", "12.345")
    assert (t(text), number(12_345)) == (text, "12,345")
    with read_in("xx"):
        assert t(text) == text
    assert translated("No catalogue has {what}.", "de", what="this") == "No catalogue has this."
