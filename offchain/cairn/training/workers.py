"""Work over the cores of this machine, or over a Dask cluster, through joblib.

What is spread is a plain function over a list of arguments, and results come in the order of the
arguments: the same numbers whoever computes them. A cluster's scheduler and workers exchange
pickles, as Dask does: use your own, on a network of your own.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import joblib

from cairn.training.errors import TrainingError

__all__ = ["map_all", "spread"]

Argument = TypeVar("Argument")
Result = TypeVar("Result")

Progress = Callable[[int, int], None]
"""Told how many are done, of how many."""

_TIMEOUT_S = 30


@contextmanager
def spread(jobs: int = 1, cluster: str | None = None) -> Iterator[None]:
    """Within it, `map_all` runs on `jobs` cores (-1: all), or on the cluster at an address.

    cluster: of a Dask scheduler, such as tcp://10.0.0.5:8786. Raises TrainingError if Dask is not
    installed or nobody answers there.
    """
    if cluster is None:
        with joblib.parallel_config(n_jobs=jobs):
            yield
        return
    try:
        from distributed import Client
    except ImportError:
        raise TrainingError(
            "Dask is not installed: install Cairn's `cluster` extra, or leave --cluster out"
        ) from None
    try:
        client = Client(cluster, timeout=_TIMEOUT_S)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise TrainingError(f"no Dask scheduler at {cluster}: {error}") from None
    with client, joblib.parallel_config(backend="dask", n_jobs=-1):
        yield


def map_all(
    function: Callable[[Argument], Result],
    arguments: Sequence[Argument],
    progress: Progress | None = None,
) -> list[Result]:
    """The function of each argument, in order."""
    work = joblib.Parallel(return_as="generator")(
        joblib.delayed(function)(argument) for argument in arguments
    )
    results: list[Result] = []
    for result in work:
        results.append(result)
        if progress is not None:
            progress(len(results), len(arguments))
    return results
