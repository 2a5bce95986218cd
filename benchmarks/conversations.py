"""Whole conversations, turn by turn with the program's own answers: which turns are understood as meant.

    python benchmarks/conversations.py [--index INDEX] [--show]

tests/conversations/turns.tsv has twelve turns per conversation, one per line: a question that stands alone ("whole"), one that
leans on earlier turns ("leans", with its meaning, the terms that the query must have and those it must not have), an act on the
last answer with its kind, or small talk and questions about the program, which must be answered in its own voice. A lower-case
term stands for any word with that stem; "|" separates alternatives. The shop's documents lie next to it.
"""

import argparse
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag.config import Settings, load_settings
from rag.conversation import Chat
from rag.followups.acts import act_of, last_answer
from rag.followups.history import turns_of
from rag.index.updating import Recipe, update_index
from rag.models.embedder import ModelEmbedder
from rag.records import Answer
from rag.text.terms import terms
from rag.wire import answer_values

FOLDER = Path(__file__).parent.parent / "tests" / "conversations"


@dataclass(frozen=True)
class LabelledTurn:
    kind: str
    question: str
    meaning: str = ""
    needed: tuple[tuple[str, ...], ...] = ()
    barred: tuple[str, ...] = ()


def conversations() -> Iterator[tuple[str, str, list[LabelledTurn]]]:
    """Yields the name, the corpus ("handbook" or "shop") and the turns of each conversation."""
    for block in (FOLDER / "turns.tsv").read_text(encoding="utf-8").split("# ")[1:]:
        head, *lines = block.splitlines()
        name, corpus = head.split()
        yield name, corpus, [_turn(*line.split("\t")) for line in lines]


def _turn(kind: str, question: str, meaning: str = "", needed: str = "", barred: str = "") -> LabelledTurn:
    alternatives = tuple(tuple(need.split("|")) for need in needed.split())
    return LabelledTurn(kind, question, meaning, alternatives, tuple(barred.split()))


def as_meant(turn: LabelledTurn, answer: Answer, history: list[dict[str, Any]]) -> bool:
    if turn.kind in ("small_talk", "about_program"):
        return answer.reason in (turn.kind, "greeting") and bool(answer.message)
    if answer.message:
        return turn.kind == "act" and not any(entry.get("citations") for entry in history)
    if turn.kind == "act":
        act = act_of(turn.question) if last_answer(turns_of(history)) else None
        return act is not None and act.kind == turn.meaning
    if turn.kind == "whole":
        return answer.query == turn.question
    searched = set(terms(answer.query))
    has_needed = all(any(set(terms(word)) <= searched or word in searched for word in words) for words in turn.needed)
    return has_needed and not any(set(terms(word)) & searched for word in turn.barred)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--index", type=Path)
    parser.add_argument("--show", action="store_true", help="print every turn; those not understood as meant are marked")
    arguments = parser.parse_args()
    settings = load_settings(index=arguments.index)
    embedder = ModelEmbedder(settings.embedding)
    with tempfile.TemporaryDirectory() as folder:
        shop = Settings(corpus=FOLDER / "shop", index=Path(folder))
        update_index(shop.corpus, shop.index, Recipe(embedder, shop.passages))
        chats = {"handbook": Chat(settings, embedder), "shop": Chat(shop, embedder)}
        count, right = Counter[str](), Counter[str]()
        for name, corpus, turns in conversations():
            history: list[dict[str, Any]] = []
            for turn in turns:
                answer = chats[corpus].ask(turn.question, history=history)
                meant = as_meant(turn, answer, history)
                count[turn.kind] += 1
                right[turn.kind] += meant
                history += [{"speaker": "user", "text": turn.question}, {"speaker": "agent", **answer_values(answer)}]
                if arguments.show:
                    said = answer.message or (answer.citations[0].quote if answer.citations else f"({answer.reason})")
                    print(f"{' ' if meant else 'X'} {name:14} {turn.kind:10} {turn.question}  =>  {answer.query}")
                    print(f"{'':30}{said[:160]!r} {answer.strength}")
    for kind, number in sorted(count.items()):
        print(f"{kind:14} {right[kind]:3} of {number}")


if __name__ == "__main__":
    main()
