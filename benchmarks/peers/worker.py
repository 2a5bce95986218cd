"""Runs one system in its own process and environment; reads requests from standard input and writes replies, one per line.

    python worker.py SYSTEM MODEL_FOLDER [BACKEND]

The first line of output says that the model has embedded a query. Then, as JSON (names are those of passages, "d00017#2"):

    {"do": "add", "names": [...], "texts": [...], "files": [...]}  ->  {"seconds", "cpu", "passages": held now}
    {"do": "query", "queries": [...], "k": 10}                     ->  {"seconds": [...], "cpu", "results": [[name, ...], ...]}
    {"do": "finish"}                                               ->  {"bytes", "saved", "peak", "versions", "notes"}

The index is saved in the working folder, which the process has to itself. `peak` is the peak memory in kB.
"""

import json
import os
import resource
import sys
import time
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

SAVED = Path("saved")


class LangChain:
    def __init__(self, model: str, backend: str | None) -> None:
        from langchain_community.vectorstores import FAISS
        from langchain_huggingface import HuggingFaceEmbeddings

        self.embedding = HuggingFaceEmbeddings(model_name=model, encode_kwargs={"normalize_embeddings": True})
        self.open = FAISS.from_texts
        self.store: Any = None

    def add(self, names: list[str], texts: list[str], files: list[str]) -> None:
        if self.store is None:
            self.store = self.open(texts, self.embedding, ids=names)
        else:
            self.store.add_texts(texts, ids=names)

    def held(self) -> int:
        return int(self.store.index.ntotal)

    def query(self, query: str, k: int) -> list[str]:
        return [document.id for document in self.store.similarity_search(query, k=k)]

    def warm(self, query: str) -> None:
        self.embedding.embed_query(query)

    def save(self) -> Path:
        self.store.save_local(str(SAVED))
        return SAVED


class LlamaIndex:
    """With FAISS, because its own in-memory store compares the query with each vector in Python."""

    def __init__(self, model: str, backend: str | None) -> None:
        import faiss
        from llama_index.core import StorageContext, VectorStoreIndex
        from llama_index.core.schema import TextNode
        from llama_index.embeddings.huggingface import HuggingFaceEmbedding
        from llama_index.vector_stores.faiss import FaissVectorStore

        self.node = TextNode
        self.embedding = HuggingFaceEmbedding(model_name=model)
        store = None if backend == "in-memory" else FaissVectorStore(faiss.IndexFlatIP(384))
        self.index = VectorStoreIndex(
            nodes=[], embed_model=self.embedding, storage_context=StorageContext.from_defaults(vector_store=store)
        )
        self.retrievers: dict[int, Any] = {}

    def add(self, names: list[str], texts: list[str], files: list[str]) -> None:
        self.index.insert_nodes([self.node(id_=name, text=text) for name, text in zip(names, texts, strict=True)])

    def held(self) -> int:
        return len(self.index.docstore.docs) or len(self.index.vector_store.data.embedding_dict)

    def query(self, query: str, k: int) -> list[str]:
        if k not in self.retrievers:
            self.retrievers[k] = self.index.as_retriever(similarity_top_k=k)
        return [scored.node.node_id for scored in self.retrievers[k].retrieve(query)]

    def warm(self, query: str) -> None:
        self.embedding.get_query_embedding(query)

    def save(self) -> Path:
        self.index.storage_context.persist(str(SAVED))
        return SAVED


class Txtai:
    def __init__(self, model: str, backend: str | None) -> None:
        from txtai import Embeddings

        self.embeddings = Embeddings(path=model, content=True)
        self.begun = False

    def add(self, names: list[str], texts: list[str], files: list[str]) -> None:
        rows = [(name, text, None) for name, text in zip(names, texts, strict=True)]
        (self.embeddings.upsert if self.begun else self.embeddings.index)(rows)
        self.begun = True

    def held(self) -> int:
        return int(self.embeddings.count())

    def query(self, query: str, k: int) -> list[str]:
        return [result["id"] for result in self.embeddings.search(query, k)]

    def warm(self, query: str) -> None:
        self.embeddings.transform(query)

    def save(self) -> Path:
        self.embeddings.save(str(SAVED))
        return SAVED


class Haystack:
    def __init__(self, model: str, backend: str | None) -> None:
        from haystack import Document
        from haystack.components.retrievers.in_memory import InMemoryEmbeddingRetriever
        from haystack.document_stores.in_memory import InMemoryDocumentStore
        from haystack_integrations.components.embedders.sentence_transformers import (
            SentenceTransformersDocumentEmbedder,
            SentenceTransformersTextEmbedder,
        )

        self.document = Document
        self.store = InMemoryDocumentStore(embedding_similarity_function="cosine")
        self.retriever = InMemoryEmbeddingRetriever(self.store)
        self.documents = SentenceTransformersDocumentEmbedder(model=model, progress_bar=False)
        self.queries = SentenceTransformersTextEmbedder(model=model, progress_bar=False)
        for embedder in (self.documents, self.queries):
            embedder.warm_up()

    def add(self, names: list[str], texts: list[str], files: list[str]) -> None:
        documents = [self.document(id=name, content=text) for name, text in zip(names, texts, strict=True)]
        self.store.write_documents(self.documents.run(documents)["documents"])

    def held(self) -> int:
        return int(self.store.count_documents())

    def query(self, query: str, k: int) -> list[str]:
        result = self.retriever.run(self.queries.run(query)["embedding"], top_k=k)
        return [document.id for document in result["documents"]]

    def warm(self, query: str) -> None:
        self.queries.run(query)

    def save(self) -> Path:
        SAVED.mkdir()
        self.store.save_to_disk(str(SAVED / "store.json"))
        return SAVED


class Ours:
    """From files, with all steps of `rag build`; retrieval by vectors and BM25."""

    def __init__(self, model: str, backend: str | None) -> None:
        from rag.config import load_settings
        from rag.models.embedder import ModelEmbedder
        from rag.models.model_identity import backend_of

        self.settings = load_settings(
            embedding={"backend": backend} if backend else None
        )  # the default model is that of the peers
        self.embedder = ModelEmbedder(self.settings.embedding)
        self.backend = backend_of(self.settings.embedding)
        self.corpus, self.folder = Path("corpus"), Path("index")
        self.corpus.mkdir()
        self.index: Any = None

    def add(self, names: list[str], texts: list[str], files: list[str]) -> None:
        from rag.index.build_files import load_index
        from rag.index.builds import live_build
        from rag.index.updating import Recipe, update_index

        for file in files:
            os.link(file, self.corpus / Path(file).name)
        update_index(self.corpus, self.folder, Recipe(self.embedder, self.settings.passages))
        self.index = load_index(live_build(self.folder))

    def held(self) -> int:
        return len(self.index.passages)

    def query(self, query: str, k: int) -> list[str]:
        from rag.retrieval import retrieve

        hits = retrieve(self.index, query, self.embedder.embed_query(query), self.settings.retrieval, k=k)
        return [f"{Path(hit.passage.document_id).stem}#{hit.passage.span.start}" for hit in hits]

    def warm(self, query: str) -> None:
        self.embedder.embed_query(query)

    def save(self) -> Path:
        from rag.index.builds import live_build

        return live_build(self.folder)


class OurVectors(Ours):
    """From the same passages as the peers, retrieved by vectors alone."""

    def __init__(self, model: str, backend: str | None) -> None:
        super().__init__(model, backend)
        self.names: list[str] = []
        self.vectors: Any = None
        self.index: Any = None

    def add(self, names: list[str], texts: list[str], files: list[str]) -> None:
        import numpy as np

        from rag.index.dense import DenseIndex

        new = self.embedder.embed_passages(texts)
        self.vectors = np.concatenate([self.vectors, new]) if self.names else new
        self.names += names
        self.index = DenseIndex.build(self.vectors)

    def held(self) -> int:
        return int(self.index.size)

    def query(self, query: str, k: int) -> list[str]:
        rows, _ = self.index.search(self.embedder.embed_query(query), k)
        return [self.names[row] for row in rows]

    def save(self) -> Path:
        from rag.index.dense import write_dense
        from rag.storage.arrays import save_array

        SAVED.mkdir()
        save_array(SAVED / "vectors.npy", self.vectors)
        write_dense(self.vectors, "Flat", SAVED / "moments.npy", SAVED / "dense.faiss")
        return SAVED


SYSTEMS = {
    "ours": Ours,
    "ours-passages": OurVectors,
    "langchain": LangChain,
    "llamaindex": LlamaIndex,
    "txtai": Txtai,
    "haystack": Haystack,
}


def answer(system: Any, request: dict[str, Any]) -> dict[str, Any]:
    before = time.process_time()
    if request["do"] == "add":
        started = time.perf_counter()
        system.add(request["names"], request["texts"], request["files"])
        seconds = time.perf_counter() - started
        return {"seconds": seconds, "cpu": time.process_time() - before, "passages": system.held()}
    if request["do"] == "query":
        times, results = [], []
        for query in request["queries"]:
            started = time.perf_counter()
            results.append(system.query(query, request["k"]))
            times.append(time.perf_counter() - started)
        return {"seconds": times, "cpu": time.process_time() - before, "results": results}
    return finish(system)


def finish(system: Any) -> dict[str, Any]:
    status = Path("/proc/self/status")
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak = int(status.read_text().split("VmHWM:")[1].split()[0]) if status.is_file() else own
    started = time.perf_counter()
    saved = system.save()
    seconds = time.perf_counter() - started
    return {
        "peak": peak,
        "bytes": sum(path.stat().st_size for path in saved.rglob("*") if path.is_file()),
        "saved": seconds,
        "versions": {
            package.name: package.version for package in sorted(distributions(), key=lambda package: package.name.lower())
        },
        "notes": {"backend": system.backend, "model": repr(system.embedder.identity)} if isinstance(system, Ours) else {},
    }


def main() -> None:
    name, model, *backend = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print goes to the log
    system: Any = SYSTEMS[name](model, backend[0] if backend else None)
    system.warm("How long does it take to start?")
    print(json.dumps({"ready": True}), file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(system, json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
