"""What a request for an overview stands for among the documents: documents, a section of one, or several to choose from."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import OSA

from rag.answering.document_names import SHORTEST_NAME, folded, names_of
from rag.answering.overview_requests import DOCUMENT_NOUN, Request
from rag.answering.own_voice import UNKNOWN_FILE
from rag.errors import DocumentError
from rag.index.contents import Index
from rag.index.entries import Entry
from rag.models.word_list import english_words
from rag.text.terms import terms

OFFERED = 5  # documents named if several fit
SHORTEST_TYPO = 5  # letters of a word with one typing error
TWO_TYPOS = 9  # letters from which there may be two
_ANY_DOCUMENT = re.compile(r"\b(?:document|file|pdf)\b")
_FILE_NAME = re.compile(r"\S+\.[a-z][a-z0-9]{1,4}")
_HEADING_NUMBER = re.compile(r"(?:(?P<label>[^\W\d_]+|§)\.? ?)?(?P<number>\d+(?:\.\d+)*|[ivxlc]+|[a-z])(?=[\s.:)–—-]|$)")


@dataclass(frozen=True, slots=True)
class Target:
    """Documents by id, called `name`; with `headings`, only the section under these headings."""

    name: str
    documents: tuple[str, ...]
    headings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InHand:
    """What "this document" can mean: the documents that are `asked`, all if None, and those `cited` by the last answer."""

    asked: Sequence[str] | None = None
    cited: Sequence[str] = ()

    def ids(self, index: Index) -> list[str]:
        return list(index.entries) if self.asked is None else index.documents_of(self.asked)


def target_of(request: Request, index: Index, hand: InHand) -> Target | None:
    """None if nothing has that name, so that the words are an ordinary question. Raises DocumentError if it is
    not clear which document is meant, or there is no such file or section."""
    ids = hand.ids(index)
    if exact := next((id for id in ids if folded(id) == folded(request.words)), None):
        return _one(index, exact)
    if request.kind == "all":
        return _documents("all documents" if hand.asked is None else "the chosen documents", ids)
    if request.kind == "current":
        named = named_document(request.name, index, ids, hand.cited) if request.name else None
        return named or _current(index, hand, ids, request)
    if request.kind == "folder":
        return folder_called(request.name, ids)
    if request.kind in ("number", "title"):
        whole = named_document(request.name if request.kind == "title" else f"{request.label} {request.name}", index, ids, ())
        return whole if whole and not request.of else _section(request, index, hand, ids)
    return named_document(request.name, index, ids, hand.cited) or folder_called(request.name, ids, only_whole=True)


def several(targets: Sequence[Target]) -> DocumentError:
    """The error that asks which of several documents or sections is meant."""
    shown = [f"{target.name} ({target.documents[0]})" if len(target.documents) == 1 else target.name for target in targets]
    more = f" and {len(shown) - OFFERED} more" if len(shown) > OFFERED else ""
    return DocumentError(f"Which one do you mean: {'; '.join(shown[:OFFERED])}{more}? Name one of them.")


def _documents(name: str, ids: Sequence[str]) -> Target:
    return Target(name, tuple(ids))


def _current(index: Index, hand: InHand, ids: Sequence[str], request: Request) -> Target | None:
    """The document in hand: the only one asked, or the only one cited by the last answer.

    With none in hand, words such as "the study" are about something in the documents, but "this document" is not.
    """
    cited = [id for id in dict.fromkeys(hand.cited) if id in set(ids)]
    if len(ids) == 1:
        return _one(index, ids[0])
    if request.bare:
        return None
    if len(cited) == 1:
        return _one(index, cited[0])
    if cited:
        raise several([_one(index, id) for id in cited])
    if hand.asked is not None and ids:
        raise several([_one(index, id) for id in ids])
    if request.name and not _ANY_DOCUMENT.search(request.name):
        return None
    raise DocumentError(
        "Which document do you mean? Add its title or file name, as in “overview of report.pdf”, or choose it first."
    )


def _one(index: Index, id: str) -> Target:
    return Target(index.entries[id].title or id, (id,))


def named_document(name: str, index: Index, ids: Sequence[str], cited: Sequence[str]) -> Target | None:
    """The document with this title, path or file name: exactly, else with typing errors, else by words of its title if the name
    has a word such as "manual". Raises DocumentError if several fit, or if the name is a file's and there is none.
    """
    wanted, everything = folded(name), index.manifest.corpus.documents
    # Reading all documents of a large index in their order is ten times as fast as looking each of them up.
    entries = everything if len(ids) == len(everything) else [index.entries[id] for id in ids]
    bare = wanted.removeprefix("the ")
    plain = re.sub(r"^(?:document|file) | (?:document|file)$", "", bare)
    forms = {form for form in (wanted, bare, plain) if len(form) >= SHORTEST_NAME}
    if not forms:
        return None
    fits: Sequence[Callable[[Entry], bool]] = (
        lambda entry: bool(forms & names_of(entry)),
        lambda entry: any(_is_misspelt(bare, other, index) for other in names_of(entry)),
    )
    if noun := DOCUMENT_NOUN.search(bare):
        words, rest = set(terms(bare)), set(terms(bare.replace(noun.group(), " ")))
        fits = (*fits, lambda entry: bool(rest) and words <= _words(entry), lambda entry: bool(rest) and rest <= _words(entry))
    for fit in fits:
        if matching := [entry for entry in entries if fit(entry)]:
            preferred = [entry for entry in matching if entry.id in cited] if len(matching) > 1 else matching
            targets = [Target(entry.title or entry.id, (entry.id,)) for entry in preferred or matching]
            if len(targets) > 1:
                raise several(targets)
            return targets[0]
    if _FILE_NAME.fullmatch(name):
        raise DocumentError(UNKNOWN_FILE.format(name=name))
    return None


def _words(entry: Entry) -> set[str]:
    return set(terms(f"{entry.title} {re.sub('[-_/.]', ' ', entry.id)}"))


def _is_misspelt(name: str, other: str, index: Index) -> bool:
    """Whether the names differ by typing errors only: in words that no document has, and not in numbers."""
    words, others = name.split(), other.split()
    if len(words) != len(others) or words == others:
        return False
    return all(word == right or _is_typo(word, right, index) for word, right in zip(words, others, strict=True))


def _is_typo(word: str, right: str, index: Index) -> bool:
    if len(word) < SHORTEST_TYPO or not word.isalpha() or word in index.vocabulary.frequency or word in english_words():
        return False
    edits = 2 if len(word) >= TWO_TYPOS else 1
    return OSA.distance(word, right, score_cutoff=edits) <= edits


def folder_called(name: str, ids: Sequence[str], *, only_whole: bool = False) -> Target | None:
    """The documents of the folder with this path or last name; with `only_whole`, only by its path or a slash at its end."""
    wanted = name.strip().removeprefix("the ").strip("/")
    paths = {id.rsplit("/", depth)[0] for id in ids for depth in range(1, id.count("/") + 1)}
    exact = [path for path in sorted(paths) if path.casefold() == wanted.casefold()]
    last = [path for path in sorted(paths) if folded(path.rsplit("/", 1)[-1]) == folded(wanted)]
    matching = exact or ([] if only_whole and not name.endswith("/") else last)
    targets = [Target(f"{path}/", tuple(id for id in ids if id.startswith(f"{path}/"))) for path in matching]
    if len(targets) > 1:
        raise several(targets)
    return targets[0] if targets else None


def _section(request: Request, index: Index, hand: InHand, ids: Sequence[str]) -> Target | None:
    """The section that has the number or title, in the document that is named or in hand, else in the only one that has it."""
    within = named_document(request.of, index, ids, hand.cited) if request.of else None
    if request.of and within is None:
        return None
    cited = [id for id in dict.fromkeys(hand.cited) if id in set(ids)]
    known = list(within.documents) if within else list(ids) if len(ids) == 1 else cited
    targets = _sections(request, index, known) or ([] if within else _sections(request, index, ids))
    if len(targets) > 1:
        raise several(targets)
    if not targets and within and request.kind == "number":
        raise DocumentError(f"{within.name} has no {request.label} {request.name}.")
    return targets[0] if targets else None


def _sections(request: Request, index: Index, ids: Sequence[str]) -> list[Target]:
    """The outermost sections with that number or title: of those that fit best, all."""
    words = set(terms(request.name)) or set(terms(request.label))  # a letter such as "A" is a stop word
    if not words:
        return []
    chosen, fits = set(ids), dict[tuple[str, tuple[str, ...]], int]()
    for row in sorted(set.intersection(*({*index.headings.postings(word)[0].tolist()} for word in words))):
        passage = index.passages[row]
        for depth, heading in enumerate(passage.headings if passage.document_id in chosen else (), start=1):
            if fit := _fit(heading, request):
                fits.setdefault((passage.document_id, passage.headings[:depth]), fit)
                break
    return [Target(headings[-1], (id,), headings) for (id, headings), fit in fits.items() if fit == max(fits.values())]


def _fit(heading: str, request: Request) -> int:
    """How well a heading fits a request for a section: 2 fully, 1 without the label or with further words, 0 not at all."""
    if request.kind == "title":
        wanted, words = set(terms(request.name)), set(terms(heading))
        return 2 if words == wanted else int(wanted <= words)
    match = _HEADING_NUMBER.match(folded(heading))
    if not match or match["number"].rstrip(".") != request.name:
        return 0
    return 2 * (match["label"] == request.label) if match["label"] else int(match["number"][0].isdigit())
