"""Every error that a user can do something about.

RagError
├── SettingsError       a setting is unknown or has an invalid value
├── UsersError          the users file cannot be read, or a user cannot be created or changed
├── CorpusError         the corpus folder is missing or cannot be listed
├── SelectionError      the choice of documents to search is not accepted
├── DocumentError       a document cannot be added, removed or shown
├── UnreadableFile      one file of the corpus cannot be read; the others are still indexed
├── ModelError          a model is missing or does not match its known hash
├── IndexMissing        no index has been built yet
├── IndexMismatch       the index was built with a different model, format or settings
├── IndexBroken         the index's files do not match their manifest
├── PackageMissing      the index needs an optional package that is not installed
├── EngineError         the search engine cannot be used, or holds other rows than the index
├── BuildLocked         another build of the same index is running
├── ClusterError        the Ray cluster that should build cannot be reached or used
├── ObjectsError        what Ray workers made of the files cannot be read or stored
├── ServerBusy          too many questions are waiting, or one takes too long
├── QuestionSetError    a question set or a saved run cannot be read
├── MatrixError         an evidence matrix cannot be made or written
├── ReadingsError       the file of what the reader made of passages cannot be used
├── UnansweredError     the log of unanswered questions cannot be read or written
├── ConversationError   a saved conversation is missing or cannot be read
├── WatchError          the watched questions cannot be read or changed
└── ReceiptError        a receipt cannot be read, or was changed after it was written

Each message is one plain line: what happened, to which file or setting, and what to do next.
"""


class RagError(Exception):
    """Base class of the errors whose message is shown to the user."""


class SettingsError(RagError):
    """A setting in rag.toml, the environment or the command line is unknown or invalid."""


class UsersError(RagError):
    """The users file cannot be read, or a name, role or password is not accepted."""


class CorpusError(RagError):
    """The corpus as a whole cannot be read."""


class SelectionError(RagError):
    """The names or patterns that limit a search to some documents are too many or too complex."""


class DocumentError(RagError):
    """A document is missing or cannot be added, removed or shown; nothing was changed."""


class UnreadableFile(RagError):
    """One file cannot be read as a document; `str(error)` is the reason, without the path."""


class ModelError(RagError):
    """A model cannot be loaded or does not match its known hash."""


class IndexMissing(RagError):
    """There is no index in the given folder."""


class IndexMismatch(RagError):
    """The index was built with a different model, format or settings."""

    def __init__(self, what: str, *, in_index: object, wanted: object) -> None:
        if what == "format":
            message = f"the index was built by another version (format {in_index!s}, now {wanted!s}); run `rag build`"
        else:
            message = (
                f"the index was built with {what} {in_index!s}, the settings ask for {wanted!s}; "
                "run `rag build` to rebuild the index, or change the setting back"
            )
        super().__init__(message)
        self.in_index = in_index
        self.wanted = wanted


class IndexBroken(RagError):
    """A file of the index is missing, truncated or changed."""


class PackageMissing(RagError):
    """The index needs a package that belongs to an extra and is not installed."""


class EngineError(RagError):
    """The search engine on other machines is missing, unreachable or too old, or holds other rows than the index."""


class BuildLocked(RagError):
    """Another process is building the same index."""


class ClusterError(RagError):
    """The Ray cluster named by `index.workers` cannot be reached, differs from this machine, or was lost."""


class ObjectsError(RagError):
    """The folder or object store named by `index.objects` cannot be used, or an object in it is damaged."""


class ServerBusy(RagError):
    """The server has more questions than it can answer in time; `seconds` is when to try again."""

    def __init__(self, what: str, seconds: int) -> None:
        super().__init__(f"{what}; try again in {seconds} seconds")
        self.seconds = seconds


class QuestionSetError(RagError):
    """A question set or a saved run is missing or malformed."""


class MatrixError(RagError):
    """An evidence matrix is too large, or its questions cannot be read."""


class ReadingsError(RagError):
    """The file of what the reader made of passages cannot be read or written."""


class ConversationError(RagError):
    """A saved conversation is missing, belongs to another user, or cannot be read."""


class WatchError(RagError):
    """The list of watched questions cannot be read, or a change of it is not accepted; nothing was changed."""


class ReceiptError(RagError):
    """A file is not a receipt, or was changed after it was written."""


class UnansweredError(RagError):
    """The log of unanswered questions cannot be read or written."""
