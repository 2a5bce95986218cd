"""Answers and hits as the plain values that programs get as JSON, from the command line and over HTTP alike."""

from typing import Any

from rag.records import Answer, Citation, Hit, Span


def answer_values(answer: Answer) -> dict[str, Any]:
    return {
        "question": answer.question,
        "query": answer.query,
        "abstained": answer.abstained,
        "reason": answer.reason,
        "confidence": answer.confidence,
        "text": answer.text,
        "sentences": [{"text": s.text, "citation": s.citation, "context": s.context} for s in answer.sentences],
        "citations": [_citation_values(citation) for citation in answer.citations],
        "nearest": [hit_values(hit) for hit in answer.nearest] if answer.abstained else [],
        "timings_ms": answer.timings_ms,
        "index": answer.index,
    }


def hit_values(hit: Hit) -> dict[str, Any]:
    passage = hit.passage
    return {
        "rank": hit.rank,
        "score": hit.score,
        "passage_id": passage.id,
        "document_id": passage.document_id,
        "text": passage.text,
        "headings": list(passage.headings),
        "page": passage.page,
        **_span_values(passage.span),
    }


def _citation_values(citation: Citation) -> dict[str, Any]:
    return {
        "number": citation.number,
        "document_id": citation.document_id,
        "title": citation.title,
        "quote": citation.quote,
        "headings": list(citation.headings),
        "page": citation.page,
        "digest": citation.digest,
        "answer_phrase": _span_values(citation.answer_phrase) if citation.answer_phrase else None,
        **_span_values(citation.span),
    }


def _span_values(span: Span) -> dict[str, int]:
    return {"start": span.start, "end": span.end}
