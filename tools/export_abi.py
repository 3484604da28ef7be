"""Write the ABI of every deployed contract where the Python package finds it.

    python tools/export_abi.py

From Ape's build to offchain/cairn/chain/abi/<Contract>.json: the ABI, and the hash of the runtime code without
its immutables. A file is written only when it changes; one whose contract is gone is removed.
"""

import json

from _common import ROOT, ToolError, run_tool
from eth_utils import keccak, to_hex

BUILD = ROOT / ".build" / "__local__.json"
ABI = ROOT / "offchain" / "cairn" / "chain" / "abi"
# Only tests deploy these.
APART = ("contracts/mocks/", "contracts/interfaces/", "contracts/modules/")


def main():
    if not BUILD.exists():
        raise ToolError("nothing is compiled: run `make setup`")
    built = json.loads(BUILD.read_text()).get("contractTypes", {})
    wanted = {
        f"{name}.json": render(contract)
        for name, contract in built.items()
        if not contract["sourceId"].startswith(APART)
    }
    ABI.mkdir(parents=True, exist_ok=True)
    for path in ABI.glob("*.json"):
        if path.name not in wanted:
            path.unlink()
    for name, content in wanted.items():
        path = ABI / name
        if not path.exists() or path.read_text() != content:
            path.write_text(content)


def render(contract):
    runtime = contract["runtimeBytecode"]["bytecode"]
    exported = {
        "contract": contract["contractName"],
        "source": contract["sourceId"],
        "runtime_keccak256": to_hex(keccak(hexstr=runtime)),
        "abi": sorted(contract["abi"], key=lambda entry: json.dumps(entry, sort_keys=True)),
    }
    return json.dumps(exported, indent=1) + "\n"


if __name__ == "__main__":
    run_tool(main)
