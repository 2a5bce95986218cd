"""Milvus as an engine: a server, a cluster, or milvus-lite, which keeps everything in one file."""

import logging
import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rag.errors import EngineError
from rag.index.engines.protocol import MOST_RESULTS, Keys, PassageTerms, Row, document_number
from rag.numeric import Vectors

if TYPE_CHECKING:
    from pymilvus import CollectionSchema, MilvusClient
    from pymilvus.milvus_client.index import IndexParams

FILE, PLAIN, TLS = "milvus+file:", "milvus://", "milvus+tls://"
CONNECT_SECONDS = 10.0  # a server answers in milliseconds; a name that does not exist is noticed only by waiting
CALL_SECONDS = 60  # deletions of large collections take longest; an int, because the client ignores other limits
SEARCH_SECONDS = 20  # after the loss of a query node, a cluster with two replicas answered within 7 seconds in every trial
ATTEMPTS = 4  # a search that waits for a lost query node is repeated, because another node has the same rows
RETRY_SECONDS = 0.2  # between attempts: short compared with the seconds in which a cluster recovers
OLDEST = (2, 4)  # the first version with sparse vectors
LONGEST_TERMS = 65_535  # bytes of a text field; a passage has some 4,000
DOCUMENTS_AT_ONCE = 1_000  # named in one filter; the expression is parsed for each search
KEYS_AT_ONCE = 1_000  # rows of one answer: some 3 MB
SCANNED_AT_ONCE = 10_000  # keys; 16,384 is the most
APPROXIMATE = "AUTOINDEX"  # the server's choice: HNSW, unless its operator has chosen another


class MilvusEngine:
    """The collections of a server or file."""

    def __init__(self, setting: str) -> None:
        """`setting` as in `index.engine`. Raises EngineError if Milvus is not installed, not reachable or too old."""
        self.address = setting.removeprefix(FILE).removeprefix(PLAIN).removeprefix(TLS)
        self._client = _client(setting, self.address)
        if not setting.startswith(FILE):
            self._check_version()

    def open(self, name: str) -> "MilvusCollection":
        with _engine_errors(self.address):
            if not self._client.has_collection(name, timeout=CALL_SECONDS):
                raise EngineError(f"Milvus at {self.address} has no collection {name}; run `rag build`")
            self._load(name)
        return MilvusCollection(self._client, self.address, name)

    def create(self, name: str, dim: int, *, exact: bool) -> "MilvusCollection":
        with _engine_errors(self.address):
            if not self._client.has_collection(name, timeout=CALL_SECONDS):
                self._client.create_collection(
                    name,
                    schema=self._schema(dim),
                    index_params=self._indexes(exact=exact),
                    consistency_level="Strong",  # `scan` needs it, and the client's iterator can use only the default
                    timeout=CALL_SECONDS,
                )
        return self.open(name)

    def names(self) -> list[str]:
        with _engine_errors(self.address):
            return sorted(self._client.list_collections(timeout=CALL_SECONDS))

    def drop(self, name: str) -> None:
        with _engine_errors(self.address):
            self._client.drop_collection(name, timeout=CALL_SECONDS)

    def _load(self, name: str) -> None:
        """Loads a collection unless it is loaded: loading it again would reset the number of replicas that its operator set."""
        from pymilvus.client.types import LoadState

        until = time.monotonic() + CALL_SECONDS
        while (state := self._client.get_load_state(name, timeout=CALL_SECONDS)["state"]) == LoadState.Loading:
            if time.monotonic() > until:
                raise EngineError(f"Milvus at {self.address} has not loaded {name} within {CALL_SECONDS} seconds; see its log")
            time.sleep(RETRY_SECONDS)
        if state != LoadState.Loaded:
            self._client.load_collection(name, timeout=CALL_SECONDS)

    def _schema(self, dim: int) -> "CollectionSchema":
        from pymilvus import DataType

        schema = self._client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("key", DataType.INT64, is_primary=True)
        schema.add_field("document", DataType.INT64)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dim)
        schema.add_field("weights", DataType.SPARSE_FLOAT_VECTOR)
        for field in ("text", "headings"):
            schema.add_field(field, DataType.VARCHAR, max_length=LONGEST_TERMS)
        return schema

    def _indexes(self, *, exact: bool) -> "IndexParams":
        indexes = self._client.prepare_index_params()
        indexes.add_index("vector", index_type="FLAT" if exact else APPROXIMATE, metric_type="IP")
        indexes.add_index("weights", index_type="SPARSE_INVERTED_INDEX", metric_type="IP")
        return indexes

    def _check_version(self) -> None:
        with _engine_errors(self.address):
            version = str(self._client.get_server_version(timeout=CALL_SECONDS))
        numbers = tuple(int(part) for part in version.lstrip("v").split("-")[0].split(".")[:2] if part.isdigit())
        if numbers < OLDEST:
            raise EngineError(f"Milvus at {self.address} is version {version}; update it to 2.4 or later")


class MilvusCollection:
    """A loaded collection."""

    def __init__(self, client: "MilvusClient", address: str, name: str) -> None:
        self._client, self._address, self._name = client, address, name
        self._consistency: dict[str, Any] = {}

    def insert(self, rows: Sequence[Row]) -> None:
        with _engine_errors(self._address):
            self._client.insert(self._name, [self._values(row) for row in rows], timeout=CALL_SECONDS)

    def delete(self, keys: Keys) -> None:
        for start in range(0, len(keys), KEYS_AT_ONCE):
            with _engine_errors(self._address):
                self._client.delete(self._name, ids=keys[start : start + KEYS_AT_ONCE].tolist(), timeout=CALL_SECONDS)

    def dense(self, vector: Vectors, k: int, documents: Sequence[str] | None = None) -> tuple[Keys, Vectors]:
        return self._nearest("vector", np.asarray(vector, dtype=np.float32), k, documents)

    def sparse(self, weights: Mapping[int, float], k: int, documents: Sequence[str] | None = None) -> tuple[Keys, Vectors]:
        return self._nearest("weights", dict(weights), k, documents) if weights else _keys_and_scores([])

    def rows_with_any(self, weights: Mapping[int, float], lowest: int, highest: int) -> tuple[Keys, Vectors]:
        # The least and the greatest of all keys are left out: Milvus cannot read the number -2**63.
        bounds = [f"key >= {lowest}"] if lowest > -(2**63) else []
        bounds += [f"key <= {highest}"] if highest < 2**63 - 1 else []
        return self._search("weights", dict(weights), MOST_RESULTS, " and ".join(bounds))

    def fetch(self, keys: Keys) -> dict[int, tuple[Vectors, PassageTerms]]:
        rows: dict[int, tuple[Vectors, PassageTerms]] = {}
        for start in range(0, len(keys), KEYS_AT_ONCE):
            wanted = keys[start : start + KEYS_AT_ONCE].tolist()
            for row in self._read(self._client.get, wanted, output_fields=["key", "vector", "text", "headings"]):
                terms = PassageTerms(_unpacked(row["text"]), _unpacked(row["headings"]))
                rows[row["key"]] = np.array(row["vector"], dtype=np.float32), terms
        return rows

    def count(self) -> int:
        answer = self._read(
            self._client.query, filter="", output_fields=["count(*)"], consistency_level="Strong", seconds=CALL_SECONDS
        )
        with _engine_errors(self._address):
            # Another replica may lack the counted rows: from now on, each search waits until its replica has them.
            now = self._client._get_connection().alloc_timestamp(timeout=CALL_SECONDS)
        self._consistency = {"consistency_level": "Customized", "guarantee_timestamp": now}
        return int(answer[0]["count(*)"])

    def scan(self) -> Iterator[Keys]:
        with _engine_errors(self._address):
            iterator = self._client.query_iterator(
                self._name,
                batch_size=SCANNED_AT_ONCE,
                filter="",
                output_fields=["key"],
                timeout=CALL_SECONDS,
            )
        while True:
            with _engine_errors(self._address):
                rows = iterator.next()
            if not rows:
                return
            yield np.array([row["key"] for row in rows], dtype=np.int64)

    def _values(self, row: Row) -> dict[str, Any]:
        """The value of each field of the schema."""
        return {
            "key": row.key,
            "document": document_number(row.document),
            "vector": row.vector,
            "weights": row.weights,
            "text": _packed(row.terms.text),
            "headings": _packed(row.terms.headings),
        }

    def _nearest(self, field: str, query: Any, k: int, documents: Sequence[str] | None) -> tuple[Keys, Vectors]:
        """The best rows; many documents are named in several searches, whose results are merged."""
        if documents is None:
            return self._search(field, query, k, "")
        keys, scores = [], []
        for start in range(0, len(documents), DOCUMENTS_AT_ONCE):
            numbers = [document_number(name) for name in documents[start : start + DOCUMENTS_AT_ONCE]]
            some, products = self._search(field, query, k, f"document in {numbers}")
            keys.append(some)
            scores.append(products)
        if not keys:
            return _keys_and_scores([])
        merged, products = np.concatenate(keys), np.concatenate(scores)
        best = np.lexsort((merged, -products))[:k]
        return merged[best], products[best]

    def _search(self, field: str, query: Any, k: int, condition: str) -> tuple[Keys, Vectors]:
        answer = self._read(
            self._client.search,
            [query],
            anns_field=field,
            limit=min(k, MOST_RESULTS),
            filter=condition,
            search_params={"metric_type": "IP"},
        )
        return _keys_and_scores([(hit["id"], hit["distance"]) for hit in answer[0]])

    def _read(self, call: Callable[..., Any], *arguments: Any, seconds: int | None = None, **options: Any) -> Any:
        """The answer to a search or query, retried for `seconds` (None: SEARCH_SECONDS) because a query node may be lost."""
        import grpc
        from pymilvus.exceptions import ErrorCode, MilvusException

        seconds = SEARCH_SECONDS if seconds is None else seconds
        options = self._consistency | options | {"timeout": max(1, seconds // ATTEMPTS)}
        until = time.monotonic() + seconds
        with _engine_errors(self._address):
            while True:
                try:
                    return call(self._name, *arguments, **options)
                except (MilvusException, grpc.RpcError) as error:
                    missing = error.code == ErrorCode.COLLECTION_NOT_FOUND
                    if missing or _is_refusal(error) or time.monotonic() + RETRY_SECONDS > until:
                        raise
                time.sleep(RETRY_SECONDS)


def _keys_and_scores(hits: Sequence[tuple[int, float]]) -> tuple[Keys, Vectors]:
    scores: NDArray[np.float32] = np.array([score for _, score in hits], dtype=np.float32)
    return np.array([key for key, _ in hits], dtype=np.int64), scores


def _packed(terms: Sequence[str]) -> str:
    """Terms contain no white space."""
    return " ".join(terms)


def _unpacked(text: str) -> tuple[str, ...]:
    return tuple(text.split(" ")) if text else ()


def _client(setting: str, address: str) -> "MilvusClient":
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # milvus-lite asks for its version in a way that setuptools has deprecated
            from pymilvus import MilvusClient

            if setting.startswith(FILE):
                import milvus_lite  # noqa: F401 - pymilvus would ask for it only when it starts
    except ImportError as error:
        what = f"{error.name} is not installed"
        raise EngineError(f'index.engine is {setting}, but {what}; run `pip install "quoted-answers[milvus]"`') from error
    for name in ("pymilvus", "pymilvus.milvus_client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # they print what they raise
    if setting.startswith(FILE):
        return _open_file(Path(address).resolve())
    with _engine_errors(address, connecting=True):
        return MilvusClient(
            f"{'https' if setting.startswith(TLS) else 'http'}://{address}",
            user=os.environ.get("MILVUS_USER", ""),
            password=os.environ.get("MILVUS_PASSWORD", ""),
            token=os.environ.get("MILVUS_TOKEN", ""),
            timeout=CONNECT_SECONDS,
        )


def _open_file(path: Path) -> "MilvusClient":
    """Tries for CONNECT_SECONDS, because the server of a killed process needs a moment to end."""
    from pymilvus import MilvusClient, connections
    from pymilvus.exceptions import MilvusException

    path.parent.mkdir(parents=True, exist_ok=True)
    until = time.monotonic() + CONNECT_SECONDS
    while time.monotonic() < until:
        # milvus-lite removes the lock of another process if it cannot get it, so that is not tried.
        if connections.has_connection(str(path)) or _is_free(path):
            with suppress(MilvusException):
                return MilvusClient(str(path), timeout=CONNECT_SECONDS)
        time.sleep(RETRY_SECONDS)
    what = f"{path} could not be opened within {CONNECT_SECONDS:.0f} seconds"
    raise EngineError(f"{what}; close the other process that has it open, or use a server")


def _is_free(path: Path) -> bool:
    """Whether no other process has the file open. This process must not have it open: closing a file frees all its locks."""
    import fcntl

    with path.with_name(f".{path.name}.lock").open("a") as lock:
        try:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True


@contextmanager
def _engine_errors(address: str, *, connecting: bool = False) -> Iterator[None]:
    """Raises EngineError in one line for whatever the client raises."""
    import grpc
    from pymilvus.exceptions import MilvusException

    started = time.monotonic()
    try:
        yield
    except (MilvusException, grpc.RpcError) as error:
        if _is_refusal(error, connecting=connecting):
            advice = "check MILVUS_TOKEN, or MILVUS_USER and MILVUS_PASSWORD"
            raise EngineError(f"Milvus at {address} refused: {_reason(error)}; {advice}") from error
        if connecting:
            what = f"Milvus at {address} did not answer within {CONNECT_SECONDS:.0f} seconds"
            raise EngineError(f"{what}; start it, or correct index.engine") from error
        seconds = round(time.monotonic() - started)
        tried = f", tried for {seconds} seconds" if seconds else ""
        raise EngineError(f"Milvus at {address} failed{tried}: {_reason(error)}; see its log") from error


def _is_refusal(error: Any, *, connecting: bool = False) -> bool:
    """Whether the credentials are wrong or lack a permission. Servers report that in several ways while connecting."""
    import grpc
    from pymilvus.exceptions import ErrorCode

    if isinstance(error, grpc.RpcError):
        return error.code() in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)
    return connecting and (error.code == ErrorCode.UNEXPECTED_ERROR or "auth" in error.message.lower())


def _reason(error: Any) -> str:
    """The error's message in one line of at most 200 characters, without the client's report of its own attempts."""
    text = error.details() if hasattr(error, "details") else error.message
    return " ".join(text.rpartition("message=")[2].split())[:200]
