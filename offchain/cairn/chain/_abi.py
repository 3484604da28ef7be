"""The ABIs that the build exports beside this file."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

from cairn.chain._errors import AbiError

Abi = list[dict[str, Any]]


@cache
def _text(contract: str) -> str:
    try:
        return resources.files("cairn.chain").joinpath("abi", f"{contract}.json").read_text()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise AbiError(
            f"no ABI of {contract} in this installation; run `make setup`, which exports them"
        ) from error


def load_abi(contract: str) -> Abi:
    """The ABI of a contract by its name, as Ape compiled it. Raises `AbiError` if absent."""
    content = json.loads(_text(contract))
    abi = content["abi"] if isinstance(content, dict) else content
    if not isinstance(abi, list):
        raise AbiError(f"the ABI of {contract} is malformed; run `make setup` again")
    return abi
