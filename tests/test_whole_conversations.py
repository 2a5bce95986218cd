"""Ten conversations of twelve turns, each turn labelled by what a person means by it."""

import sys
from typing import Any

import pytest

from rag.config import Settings
from rag.conversation import Chat
from rag.index.updating import Recipe, update_index
from rag.models.embedder import ModelEmbedder
from rag.wire import answer_values
from tests.conftest import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))
from conversations import FOLDER, as_meant, conversations  # noqa: E402

LEANING, ALONE = 0.79, 0.955  # shares of the turns, at least


@pytest.mark.slow
def test_turns_are_understood_as_meant(handbook: Settings, embedder: ModelEmbedder, tmp_path: Any) -> None:
    shop = Settings(corpus=FOLDER / "shop", index=tmp_path / "index")
    update_index(shop.corpus, shop.index, Recipe(embedder, shop.passages))
    chats = {"handbook": Chat(handbook, embedder), "shop": Chat(shop, embedder)}
    leaning: list[bool] = []
    alone: list[bool] = []
    for _, corpus, turns in conversations():
        history: list[dict[str, Any]] = []
        for turn in turns:
            answer = chats[corpus].ask(turn.question, history=history)
            (leaning if turn.kind in ("leans", "act") else alone).append(as_meant(turn, answer, history))
            history += [{"speaker": "user", "text": turn.question}, {"speaker": "agent", **answer_values(answer)}]
    assert len(leaning) + len(alone) == 120
    assert sum(leaning) >= LEANING * len(leaning)
    assert sum(alone) >= ALONE * len(alone)
