"""Replies that act on the last answer, and small talk: how many are recognised as what they are, and how many falsely.

    python benchmarks/conversation_acts.py DIALOGUES.jsonl... [--show]

A file holds lines {"turns": [{"question", "act"}, ...]}; "act" is again, more, source, choose, yes, small_talk or null.
Questions about the program count as small talk. On a conversation's first turn only small talk can be recognised.
"""

import argparse
import json
from collections import Counter
from pathlib import Path

from rag.followups.acts import act_of
from rag.followups.reply_kinds import ABOUT_PROGRAM, SMALL_TALK, kind_of

LABELS = {"next": "more", "one": "choose"}  # kinds that the labels do not tell apart


def recognised(reply: str, *, first: bool) -> str | None:
    if kind_of(reply) in (*SMALL_TALK, *ABOUT_PROGRAM):
        return "small_talk"
    act = None if first else act_of(reply)
    return LABELS.get(act.kind, act.kind) if act else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dialogues", nargs="+", type=Path)
    parser.add_argument("--show", action="store_true", help="print the errors")
    arguments = parser.parse_args()
    labelled, right, false = Counter[str](), Counter[str](), Counter[str]()
    ordinary = 0
    for line in (line for file in arguments.dialogues for line in file.read_text(encoding="utf-8").splitlines()):
        for number, turn in enumerate(json.loads(line)["turns"]):
            label, kind = turn["act"], recognised(turn["question"], first=number == 0)
            if label:
                labelled[label] += 1
                right[label] += kind == label
            else:
                ordinary += 1
                false.update([kind] if kind else [])
            if arguments.show and kind != label:
                print(f"{label} taken for {kind}: {turn['question']}")
    for label, count in sorted(labelled.items()):
        print(f"{label:12} {right[label]:3} of {count}")
    total = labelled.total()
    print(f"{'all':12} {right.total():3} of {total} ({right.total() / total:.3f})")
    print(f"false acts   {false.total()} of {ordinary} other turns {dict(sorted(false.items()))}")


if __name__ == "__main__":
    main()
