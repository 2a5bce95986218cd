"""An index that was built with the other set of models answers with those until a build with the settings' own is live."""

from contextlib import suppress
from typing import Any, Protocol

from rag.config import Settings
from rag.errors import IndexBroken, IndexMismatch
from rag.index.builds import live_build
from rag.index.manifest import check_manifest, load_manifest
from rag.models.model_identity import ModelIdentity, model_identity


class Chat(Protocol):
    settings: Settings

    @property
    def trouble(self) -> str: ...

    def index(self) -> object: ...


def settings_of_build(settings: Settings, model: ModelIdentity) -> Settings | None:
    """The settings with the models that the live build was made with, if those are the other set; None if it fits as it is.

    Raises IndexMissing, IndexMismatch or IndexBroken if it fits neither.
    """
    manifest = load_manifest(live_build(settings.index))
    other = settings.of_other_models()
    if other and manifest.contents.model.name == other.embedding.model:
        check_manifest(manifest, model=model_identity(other.embedding), settings=settings.passages)
        return other
    check_manifest(manifest, model=model, settings=settings.passages)
    return None


class ChatUntilBuilt:
    """Stands for `chat` as soon as a build with its models is live; until then for `previous`, which has those of the live build.

    What has begun ends with the models that it began with.
    """

    def __init__(self, chat: Chat, previous: Chat) -> None:
        self._chat = chat
        self._previous: Chat | None = previous

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in ("_chat", "_previous"):  # as asked for while a copy is made, which has neither yet
            raise AttributeError(name)
        return getattr(self.current(), name)

    @property
    def trouble(self) -> str:
        chat = self.current()
        if chat is self._chat:
            return chat.trouble
        wanted, used = self._chat.settings.models, chat.settings.models
        return f"the index was built with the {used} models, which answer until `rag build` has built it with the {wanted} ones"

    def current(self) -> Chat:
        """The chat that answers now."""
        if self._previous is not None:
            with suppress(IndexBroken, IndexMismatch):
                self._chat.index()
                self._previous = None
        return self._previous or self._chat
