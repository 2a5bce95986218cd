"""The calibration of cells: how sure it is that a document states what its best sentence seems to say.

It differs from that of answers. A document that is asked by itself always has a best passage, however far that is behind those of
other documents, so the same signals mean less. `benchmarks/matrix.py --fit` makes it.
"""

import json
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from rag.answering.confidence import Calibration, calibration_from, default_calibration

CELLS = Path(__file__).parent / "cells.json"


@lru_cache(maxsize=4)
def cell_calibration(reader: str, model: str) -> Calibration:
    """For a reader and an embedding model by their identities; without bands if they were not measured together."""
    calibration = calibration_from(json.loads(CELLS.read_text(encoding="utf-8")))
    if calibration.made_with == {"reader": reader, "model": model}:
        return calibration
    same_kind = calibration.made_with["reader"].split("-")[0] == reader.split("-")[0]
    return replace(calibration if same_kind else default_calibration(reader, model), bands=(), measured={}, guarantee=None)
