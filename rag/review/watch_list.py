"""The watched questions of a library and their answers, in one file that threads and processes may change at the same time."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from rag.errors import WatchError
from rag.index.builds import live_build
from rag.index.manifest import CorpusFiles, load_manifest
from rag.records import LONGEST_QUESTION, Strength
from rag.storage.files import sha256_bytes, sha256_json
from rag.storage.locked import update_file
from rag.storage.versioned import VersionedFormat

MOST_WATCHED = 5_000  # questions: asking that many again takes a build about two minutes
DIGEST = 16  # hex digits that tell versions of a document, or of a sentence, apart


@dataclass(frozen=True)
class KeptSentence:
    """A sentence that an answer quotes, and where: `quote == document.text[start:end]` in the file with this `digest`.

    `words` is the digest of the quote with its white space folded. Once its document has been removed, `quote`, `title` and
    `headings` are empty.
    """

    document_id: str
    title: str
    start: int
    end: int
    quote: str
    words: str
    page: int | None
    headings: tuple[str, ...]
    digest: str
    context: bool = False

    @property
    def forgotten(self) -> bool:
        return not self.quote

    @property
    def source(self) -> str:
        """The reference that opens it as long as its file is unchanged: see `rag.sources.reference`."""
        return f"{self.digest}:{self.start}:{self.end}:{self.document_id}"


@dataclass(frozen=True)
class KeptAnswer:
    """What a watched question was answered: quoted sentences in order, or an abstention and its reason.

    `message` is what the program said in its own voice. `index` is the manifest hash of the index that was asked, `made_with`
    identifies everything else that answers depend on, `asked` is the time in ISO 8601, UTC. `read` are the documents of the
    passages that were read, sorted.
    """

    sentences: tuple[KeptSentence, ...]
    strength: Strength | None
    reason: str | None
    confidence: float
    message: str
    index: str
    made_with: str
    asked: str
    read: tuple[str, ...] = ()

    @property
    def abstained(self) -> bool:
        return not self.sentences

    @property
    def forgotten(self) -> bool:
        """Whether a quote was deleted with its document."""
        return any(sentence.forgotten for sentence in self.sentences)


@dataclass(frozen=True)
class Watched:
    """A watched question, asked of `documents` only, of all if empty. `query`, if given, is searched instead of the question.

    `answer` is the latest, None until it has been asked. `before` is the answer that was last accepted; None if the latest
    says the same. `reads` is what the reader made of the passages that it read, by the digest of question and passage.
    """

    id: str
    question: str
    query: str | None = None
    documents: tuple[str, ...] = ()
    answer: KeptAnswer | None = None
    before: KeptAnswer | None = None
    reads: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class WatchList:
    """`questions` in the order in which they were added.

    `corpora` are the digests of all documents, DIGEST digits long, by manifest hash and document id, for each index that an
    answer came from.
    """

    questions: tuple[Watched, ...] = ()
    corpora: dict[str, dict[str, str]] = field(default_factory=dict)


FORMAT = VersionedFormat("list of watched questions", WatchList, version=1, error=WatchError)


def watched_question(
    question: str, *, query: str | None = None, documents: Sequence[str] = (), answer: KeptAnswer | None = None
) -> Watched:
    """The same question, query and documents have the same id. Raises WatchError for a question that cannot be watched."""
    question, query = _folded(question), None if query is None else _folded(query)
    query = None if query == question else query
    if not question or query == "":
        raise WatchError("an empty question cannot be watched; nothing was added")
    if len(question) > LONGEST_QUESTION or len(query or "") > LONGEST_QUESTION:
        raise WatchError(f"a watched question has at most {LONGEST_QUESTION:,} characters; nothing was added")
    documents = tuple(sorted(set(documents)))
    return Watched(f"w-{sha256_json([question, query, documents])[:12]}", question, query, documents, answer)


def words_digest(text: str) -> str:
    """Equal for texts that differ in white space only."""
    return sha256_bytes(_folded(text).encode("utf-8", "surrogatepass"))[:DIGEST]


def _folded(text: str) -> str:
    return " ".join(text.split())


def load_watch_list(path: Path) -> WatchList:
    """An empty list if there is no file. Raises WatchError if it cannot be read."""
    try:
        return FORMAT.load(path.read_bytes(), path)
    except FileNotFoundError:
        return WatchList()
    except OSError as error:
        raise WatchError(f"{path} cannot be read ({error.strerror}); check its permissions") from error


def change_watch_list(path: Path, change: Callable[[WatchList], WatchList]) -> WatchList:
    """Replaces the list by `change` of what it is now, and returns it; with no question left, the file is removed.

    Raises WatchError if it cannot be read or written, or if `change` raises it; then nothing is changed.
    """

    def changed(content: bytes | None) -> bytes | None:
        watch_list = change(WatchList() if content is None else FORMAT.load(content, path))
        return FORMAT.dump(_without_unused_corpora(watch_list)) if watch_list.questions else None

    try:
        content = update_file(path, changed)
    except OSError as error:
        raise WatchError(f"{path} cannot be written ({error.strerror or error}); free space or fix its permissions") from error
    return WatchList() if content is None else FORMAT.load(content, path)


def _without_unused_corpora(watch_list: WatchList) -> WatchList:
    used = {answer.index for watched in watch_list.questions for answer in (watched.answer, watched.before) if answer is not None}
    return replace(watch_list, corpora={index: files for index, files in watch_list.corpora.items() if index in used})


def add_watched(
    path: Path, questions: Iterable[Watched], *, answered_by: Path | None = None
) -> tuple[list[Watched], list[Watched]]:
    """Adds questions, all or none; returns those that are new, and those that were watched already.

    Questions with an answer need `answered_by`, the index folder: an answer that quotes a document removed since is left out,
    so the question is asked anew. Raises WatchError if there would be too many, IndexMissing, IndexMismatch or IndexBroken.
    """
    wanted = list({watched.id: watched for watched in questions}.values())
    known: set[str] = set()

    def added(watch_list: WatchList) -> WatchList:
        known.update(watched.id for watched in watch_list.questions)
        new = [watched for watched in wanted if watched.id not in known]
        if (count := len(watch_list.questions) + len(new)) > MOST_WATCHED:
            raise WatchError(f"{count:,} questions are more than the {MOST_WATCHED:,} that can be watched; nothing was added")
        if answered_by and any(watched.answer for watched in new):
            live = load_manifest(live_build(answered_by))  # under the file's lock: see `forget_removed`
            is_gone = _gone_from(live.corpus, changed_too=False)
            new = [_unless_gone(watched, is_gone) for watched in new]
        return replace(watch_list, questions=(*watch_list.questions, *new))

    change_watch_list(path, added)
    return [watched for watched in wanted if watched.id not in known], [watched for watched in wanted if watched.id in known]


def remove_watched(path: Path, ids: Iterable[str]) -> None:
    """Watches these questions no longer, all or none. Raises WatchError for an unknown id."""
    unwanted = set(ids)

    def removed(watch_list: WatchList) -> WatchList:
        check_ids(watch_list, unwanted)
        return replace(watch_list, questions=tuple(watched for watched in watch_list.questions if watched.id not in unwanted))

    change_watch_list(path, removed)


def accept_answers(path: Path, accepted: Mapping[str, KeptAnswer]) -> None:
    """Later answers to these questions, by id, are compared with these answers; those before are deleted.

    A question that has got another answer in the meantime stays as it is. Raises WatchError for an unknown id.
    """

    def changed(watch_list: WatchList) -> WatchList:
        check_ids(watch_list, set(accepted))
        questions = (
            replace(watched, before=None) if watched.answer == accepted.get(watched.id) else watched
            for watched in watch_list.questions
        )  # fmt: skip
        return replace(watch_list, questions=tuple(questions))

    change_watch_list(path, changed)


def check_ids(watch_list: WatchList, ids: set[str]) -> None:
    """Raises WatchError for an id that no watched question has."""
    known = {watched.id for watched in watch_list.questions}
    if unknown := sorted(ids - known):
        raise WatchError(f"no watched question has the id {unknown[0]}; `rag watch list` shows the ids; nothing was changed")


def _unless_gone(watched: Watched, is_gone: Callable[[KeptSentence], bool]) -> Watched:
    return replace(watched, answer=None) if watched.answer and any(map(is_gone, watched.answer.sentences)) else watched


def _gone_from(corpus: CorpusFiles, *, changed_too: bool) -> Callable[[KeptSentence], bool]:
    """Whether a sentence's document is no longer in the corpus. Files that could not be read are still there."""
    names, contents = {*corpus.digests, *(failure.path for failure in corpus.failed)}, set(corpus.digests.values())

    def is_gone(sentence: KeptSentence) -> bool:
        return sentence.digest not in contents and (changed_too or sentence.document_id not in names)

    return is_gone


def forget_removed(path: Path, corpus: CorpusFiles, *, changed_too: bool) -> None:
    """Deletes the quotes of documents that the corpus no longer holds; of each remain its place and the digest of its words.

    With `changed_too`, quotes of earlier versions of a document are deleted too. Called once the build of `corpus` is live:
    whoever adds answers while the file is locked compares them with the live build, so none comes back.
    """
    is_gone = _gone_from(corpus, changed_too=changed_too)

    def without_gone(answer: KeptAnswer | None) -> KeptAnswer | None:
        if answer is None or not any(map(is_gone, answer.sentences)):
            return answer
        sentences = (
            replace(sentence, quote="", title="", headings=()) if is_gone(sentence) else sentence for sentence in answer.sentences
        )
        return replace(answer, sentences=tuple(sentences), message="")

    def changed(watch_list: WatchList) -> WatchList:
        questions = (
            replace(watched, answer=without_gone(watched.answer), before=without_gone(watched.before))
            for watched in watch_list.questions
        )
        return replace(watch_list, questions=tuple(questions))

    change_watch_list(path, changed)
