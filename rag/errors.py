"""Everything that can go wrong and that a user can mend.

RagError
├── SettingsError       a setting is unknown or has a value that cannot be used
├── UsersError          the file of users cannot be read, or a user cannot be made as asked
├── CorpusError         the corpus folder is missing or cannot be listed
├── DocumentError       a document cannot be added or removed as asked
├── UnreadableFile      one file of the corpus cannot be read; the others still are
├── ModelError          the embedding model is missing or is not the one that it should be
├── IndexMissing        nothing has been built yet
├── IndexMismatch       the index was built with another model, format or settings than are asked for
├── IndexBroken         the index's files do not agree with their manifest
├── BuildLocked         another build of the same index is running
├── QuestionSetError    a question set or a kept run cannot be read
├── ConversationError   a saved conversation is not there or cannot be read
└── ReceiptError        a receipt cannot be read, or is not as it was written

The message is one plain line: what happened, to which file or setting, what to do next.
"""


class RagError(Exception):
    """Base of all errors that are shown to the user as they are."""


class SettingsError(RagError):
    """A setting in rag.toml, the environment or the command line cannot be used."""


class UsersError(RagError):
    """The file of users cannot be read, or a name, role or password cannot be used."""


class CorpusError(RagError):
    """The corpus as a whole cannot be read."""


class DocumentError(RagError):
    """A file that is to be added to or removed from the corpus is not there, or not allowed; nothing was changed."""


class UnreadableFile(RagError):
    """One file cannot be read as a document; `str(error)` is the reason, without the path."""


class ModelError(RagError):
    """The embedding model cannot be loaded or does not match its known hash."""


class IndexMissing(RagError):
    """There is no built index at the place that was named."""


class IndexMismatch(RagError):
    """The index cannot serve these settings."""

    def __init__(self, what: str, *, in_index: object, wanted: object) -> None:
        super().__init__(
            f"the index was built with {what} {in_index!s}, the settings ask for {wanted!s}; "
            "run `rag build` to make the index anew, or change the setting back"
        )
        self.in_index = in_index
        self.wanted = wanted


class IndexBroken(RagError):
    """A file of the index is missing, cut short or changed."""


class BuildLocked(RagError):
    """Another process is building the same index."""


class QuestionSetError(RagError):
    """A question set, or a run that was kept, is missing or malformed."""


class ConversationError(RagError):
    """A saved conversation is not there, is another's, or cannot be read."""


class ReceiptError(RagError):
    """A file is no receipt, or one that was changed after it was written."""
