"""OpenZeppelin's governance, compiled from its npm package by npm's solc: what ours is compared with.

The compiler is told what a user of the library would tell it: optimizer on, 200 runs, Cancun.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

from tools._local_chain import Compiled

ROOT = Path(__file__).resolve().parents[2]
SOURCE = Path(__file__).with_name("Peers.sol")
CACHE = ROOT / "var" / "setup" / "openzeppelin.json"
SETTINGS = {
    "optimizer": {"enabled": True, "runs": 200},
    "evmVersion": "cancun",
    "outputSelection": {"*": {"*": ["abi", "evm.bytecode.object"]}},
}
SCRIPT = """
const {readFileSync} = require('fs');
const solc = require('solc');
const found = path => ({contents: readFileSync(require.resolve(path), 'utf8')});
console.log(solc.compile(readFileSync(0, 'utf8'), {import: found}));
"""


def compile_peers() -> dict[str, Compiled]:
    """PeerGovernor, PeerToken, TimelockController, and the interfaces that they implement, by name.

    Compiled once for a source and lock; raises RuntimeError where the packages are missing.
    """
    lock = (ROOT / "package-lock.json").read_bytes()
    made_from = hashlib.sha256(
        SOURCE.read_bytes() + lock + json.dumps(SETTINGS).encode()
    ).hexdigest()
    if CACHE.exists():
        cached = json.loads(CACHE.read_text())
        if cached["made_from"] == made_from:
            return _compiled(cached["contracts"])
    contracts = _solc(SOURCE.read_text())
    CACHE.parent.mkdir(parents=True, exist_ok=True)
    CACHE.write_text(json.dumps({"made_from": made_from, "contracts": contracts}))
    return _compiled(contracts)


def _solc(source: str) -> dict[str, dict[str, Any]]:
    asked = {
        "language": "Solidity",
        "sources": {SOURCE.name: {"content": source}},
        "settings": SETTINGS,
    }
    done = subprocess.run(
        ["node", "-e", SCRIPT],
        cwd=ROOT,
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=300,
    )
    if done.returncode != 0:
        raise RuntimeError(f"solc did not run: run `make setup`\n{done.stderr}")
    answer = json.loads(done.stdout[done.stdout.index("{") :])
    errors = [e for e in answer.get("errors", ()) if e["severity"] == "error"]
    if errors:
        raise RuntimeError(errors[0]["formattedMessage"])
    return {
        name: {"abi": made["abi"], "bytecode": made["evm"]["bytecode"]["object"]}
        for file in answer["contracts"].values()
        for name, made in file.items()
    }


def _compiled(contracts: dict[str, dict[str, Any]]) -> dict[str, Compiled]:
    return {
        name: Compiled(made["abi"], bytes.fromhex(made["bytecode"]))
        for name, made in contracts.items()
    }
