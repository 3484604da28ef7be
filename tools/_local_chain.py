"""A chain of one's own for a benchmark: anvil on loopback, Cancun rules, ended by its own pid."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from web3 import HTTPProvider, Web3

ROOT = Path(__file__).resolve().parents[1]
GAS_LIMIT = 2_000_000_000


@dataclass(frozen=True)
class Compiled:
    """A contract's ABI and creation code."""

    abi: list[Any]
    bytecode: bytes


def compile_contract(name: str) -> Compiled:
    """One of this project's contracts, by its path below contracts/ without the suffix."""
    path = ROOT / "contracts" / f"{name}.vy"
    return compile_source(path.read_text(), path)


def compile_source(source: str, path: Path | None = None) -> Compiled:
    from vyper.compiler import CompilerData
    from vyper.compiler.input_bundle import FileInput, FilesystemInputBundle
    from vyper.compiler.output import build_abi_output
    from vyper.compiler.settings import Settings

    where = path or ROOT / "source.vy"
    bundle = FilesystemInputBundle([ROOT])
    given = FileInput(contents=source, source_id=0, path=where, resolved_path=where)
    data = CompilerData(given, bundle, Settings(evm_version="cancun"))
    return Compiled(build_abi_output(data), data.bytecode)


@contextmanager
def local_chain() -> Iterator[Web3]:
    """A Web3 on a fresh chain; it is gone when the block ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        str(ROOT / "node_modules" / ".bin" / "anvil"),
        *("--host", "127.0.0.1", "--port", str(port)),
        *("--hardfork", "cancun", "--gas-limit", str(GAS_LIMIT), "--silent"),
    ]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        yield _connected(process, f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(timeout=10)


def _connected(process: subprocess.Popen[bytes], url: str) -> Web3:
    session = requests.Session()
    # Retried until the port answers: connection refused takes no time, so the pause is the pool's.
    retries = requests.adapters.Retry(total=12, connect=12, backoff_factor=0.05)
    session.mount("http://", requests.adapters.HTTPAdapter(max_retries=retries))
    body = {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []}
    session.post(url, json=body, timeout=10).raise_for_status()
    if process.poll() is not None:
        raise RuntimeError("anvil ended at once: run `make setup`")
    return Web3(HTTPProvider(url, request_kwargs={"timeout": 600}, session=session))


def deploy(w3: Web3, compiled: Any, *arguments: Any) -> Any:
    """Deploy what the compiler made; returns the contract."""
    factory = w3.eth.contract(abi=compiled.abi, bytecode=compiled.bytecode)
    sent = factory.constructor(*arguments).transact({"from": w3.eth.accounts[0]})
    receipt = w3.eth.wait_for_transaction_receipt(sent)
    return w3.eth.contract(address=receipt["contractAddress"], abi=compiled.abi)
