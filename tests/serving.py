"""A Chat over a small corpus that answers instantly, for a test client or a real server."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from fastapi import FastAPI
from fastapi.testclient import TestClient

from rag.accounts.users import Accounts
from rag.config import ServerSettings, Settings
from rag.conversation import Chat
from rag.index.previous_models import ChatUntilBuilt
from rag.index.updating import Recipe, update_index
from rag.models.model_identity import ModelIdentity
from rag.server.app import create_app
from rag.server.launch import server_of
from tests.conftest import SIMILARITY, ReadHere, WordEmbedder, library_of

HOME = "http://127.0.0.1:7860"
PASSWORD = "correct horse battery"


def word_chat(corpus: Path, folder: Path, kind: type[Chat] = Chat, **server: Any) -> Chat:
    """`server` are settings of the server."""
    embedder = WordEmbedder()
    settings = Settings(corpus=corpus, index=folder / "index", answering=SIMILARITY, server=ServerSettings(**server))
    update_index(ReadHere(corpus), settings.index, Recipe(embedder, settings.passages))
    return kind(settings, embedder)


class OtherWords(WordEmbedder):
    """Another model."""

    identity = ModelIdentity("other words", "1" * 64)


def until_built(chat: Chat) -> Chat:
    """What a server asks if its settings name another model than the live build was made with."""
    return cast(Chat, ChatUntilBuilt(Chat(chat.settings, OtherWords()), chat))


def build_with_other_words(chat: Chat) -> None:
    settings = chat.settings
    update_index(ReadHere(settings.corpus), settings.index, Recipe(OtherWords(), settings.passages))


def client_of(chat: Chat, **named: Any) -> TestClient:
    return TestClient(create_app(library_of(chat)), base_url=HOME, **named)


def two_users(path: Path) -> Accounts:
    """Rita reads, Carl curates."""
    accounts = Accounts(path)
    accounts.add("rita", "reader", PASSWORD)
    accounts.add("carl", "curator", PASSWORD)
    return accounts


def sign_in(client: TestClient, name: str, password: str = PASSWORD) -> Any:
    return client.post("/login", data={"name": name, "password": password}, follow_redirects=False)


def blocks_of(app: FastAPI) -> Any:
    """The gradio page that is mounted in the application."""
    mounted: list[Any] = [getattr(route, "app", None) for route in app.routes]
    return next(inner for inner in mounted if hasattr(inner, "get_blocks")).get_blocks()


@contextmanager
def served(chat: Chat) -> Iterator[tuple[str, int]]:
    """A real server on loopback in a thread of this process; yields its host and port."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    server = server_of(create_app(library_of(chat)), chat.settings.server)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield "127.0.0.1", listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(timeout=30)
