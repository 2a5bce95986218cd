"""The evidence matrix as JSON values: its file, its answer over HTTP, and what a receipt is verified by."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from rag.records import Citation
from rag.review.matrix import AskedDocument, Matrix
from rag.review.matrix_cells import Asked, Cell
from rag.storage.files import sha256_json
from rag.wire import citation_values

VERSION = 1  # of the format


def matrix_values(matrix: Matrix) -> dict[str, Any]:
    """The matrix with the digest that `rag verify` checks. Its citations are numbered in order of questions and documents."""
    values = {
        "matrix": VERSION,
        "questions": [question_values(asked) for asked in matrix.questions],
        "documents": [document_values(document) for document in matrix.documents],
        "cells": [[cell_values(cell) for cell in row] for row in numbered(matrix).cells],
        "index": matrix.index,
        "model": matrix.model,
        "reader": matrix.reader,
    }
    return values | {"digest": sha256_json(values)}


def matrix_json(matrix: Matrix) -> str:
    return json.dumps(matrix_values(matrix), ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def question_values(asked: Asked) -> dict[str, Any]:
    return {"text": asked.text, "query": asked.query, "corrected": dict(sorted(asked.corrected.items()))}


def document_values(document: AskedDocument) -> dict[str, Any]:
    return {"id": document.id, "title": document.title, "digest": document.digest}


def cell_values(cell: Cell) -> dict[str, Any]:
    return {
        "stated": cell.stated,
        "strength": cell.strength,
        "confidence": cell.confidence,
        "citation": citation_values(cell.citation) if cell.citation else None,
        "context": [citation_values(citation) for citation in cell.context],
    }


def numbered(matrix: Matrix) -> Matrix:
    """The matrix with its citations numbered from 1, cell by cell, context first."""
    numbers = iter(range(1, 10**9))
    rows = tuple(tuple(_numbered(cell, numbers) for cell in row) for row in matrix.cells)
    return replace(matrix, cells=rows)


def _numbered(cell: Cell, numbers: Iterator[int]) -> Cell:
    if cell.citation is None:
        return cell

    def number(citation: Citation) -> Citation:
        return replace(citation, number=next(numbers))

    context = tuple(number(citation) for citation in cell.context)
    return replace(cell, citation=number(cell.citation), context=context)
