"""The connection to a Ray cluster, and what its errors mean in one line."""

import os
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from rag.cores import usable_cores
from rag.errors import ClusterError, RagError

CONNECT_SECONDS = 15  # a head node that is just being started needs about ten
RETRY_SECONDS = 0.5
_QUIET = {"logging_level": "ERROR", "log_to_driver": False}
_ADDRESS = re.compile(r"(?:ray://)?\[?(.*?)\]?:(\d+)")


@contextmanager
def ray_connection(workers: str) -> Iterator[ModuleType]:
    """Ray, connected to the cluster that `index.workers` names: "ray" or ray://HOST:PORT.

    "ray" is the cluster that Ray's own variable RAY_ADDRESS names, or that runs on this machine; if there is none, one is started
    for this block. A connection that the program has made already is used, and left open. Raises ClusterError.
    """
    ray = _import_ray()
    if ray.is_initialized():
        yield ray
        return
    with _own_signals():
        try:
            _connect(ray, workers)
        except Exception as error:  # noqa: BLE001 - Ray raises plain exceptions, for example if a node does not start in time
            ray.shutdown()
            raise ClusterError(_reason(workers, error)) from error
        try:
            yield ray
        finally:
            ray.shutdown()


def already_connected() -> bool:
    """Whether the program has made a connection itself, which `ray_connection` uses and leaves open. Raises ClusterError."""
    return bool(_import_ray().is_initialized())


def explain(error: Exception, workers: str, file: str) -> ClusterError:
    """What to say when the cluster fails, and not one file."""
    cause = getattr(error, "cause", None) or error
    if isinstance(cause, RagError):
        return ClusterError(str(cause))
    text = " ".join(str(cause).split())
    if "failed to import on the worker" in text or isinstance(cause, ImportError):
        return ClusterError(
            f"{_name(workers)} has workers that cannot import this program; "
            "install the same version of quoted-answers on every node"
        )
    if cause is not error:
        return ClusterError(f"a Ray worker failed on {file} ({type(cause).__name__}: {text[:150]}); fix that, and build again")
    return ClusterError(
        f"{_name(workers)} was lost during the build ({type(error).__name__}: {text[:150]}); "
        "start it, and run `rag build` again: finished work is kept"
    )


def _import_ray() -> ModuleType:
    # Both are read when Ray is imported.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to the makers of Ray
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")  # under `uv run`, workers use this environment and make no other
    try:
        import grpc  # noqa: F401 - without it, Ray reports a cluster at ray://HOST:PORT as unreachable
        import ray
    except ImportError as error:
        raise ClusterError(
            'index.workers asks for Ray, which is not installed; run `pip install "quoted-answers[ray]"`, '
            "or set index.workers to local"
        ) from error
    module: ModuleType = ray
    return module


def _connect(ray: Any, workers: str) -> None:
    address = os.environ.get("RAY_ADDRESS", "") if workers == "ray" else workers
    if match := _ADDRESS.fullmatch(address):
        _await_port(match[1], int(match[2]))
    try:
        ray.init(address or "auto", **_QUIET)
    except ConnectionError:
        if address:
            raise
        _start(ray)


def _start(ray: Any) -> None:
    """Starts a cluster on this machine. Other machines can reach its ports, so they ask for the token in ~/.ray/auth_token."""
    os.environ.pop("RAY_AUTH_MODE", None)  # unless this says otherwise, Ray makes a token
    ray.init("local", num_cpus=usable_cores(), include_dashboard=False, **_QUIET)


def _await_port(host: str, port: int) -> None:
    """Ray itself would try for a minute or more, and not say why. Raises ConnectionError."""
    started = time.monotonic()
    while True:
        try:
            socket.create_connection((host, port), timeout=CONNECT_SECONDS).close()
            return
        except OSError as error:
            if (tried := time.monotonic() - started) > CONNECT_SECONDS:
                raise ConnectionError(f"{error.strerror or error}; tried for {tried:.0f} seconds") from error
            time.sleep(RETRY_SECONDS)


def _reason(workers: str, error: Exception) -> str:
    text = " ".join(str(error).split())
    if "ersion mismatch" in text:
        return f"{_name(workers)} has other versions than this machine ({text[:200]}); install the same on every node"
    return f"{_name(workers)} cannot be reached ({text[:200]}); start it, or set index.workers to local"


def _name(workers: str) -> str:
    return "the Ray cluster of this machine" if workers == "ray" else f"the Ray cluster at {workers}"


@contextmanager
def _own_signals() -> Iterator[None]:
    """Restores the handler of SIGTERM, which Ray replaces."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, handler)
