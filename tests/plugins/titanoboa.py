"""titanoboa, put right and made quicker. It has no setting for any of this.

- titanoboa 0.2.8 keeps compiled contracts by a contract and the files that it imports, not those
  that these import: after a change in a nested module it would hand out the old bytecode, and the
  tests would pass on it. So its fingerprint is replaced.
- It assembles a contract anew for each deployment, for the source map of the constructor: a second
  each. Here the map is kept with what was compiled.
- It prints all storage of a contract into the error of each revert, and these tests provoke
  thousands. Here a contract is shown by its path and address.
"""

from __future__ import annotations

import hashlib
import sys
from typing import Any
from weakref import WeakKeyDictionary

_SOURCE_MAPS: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()


def pytest_collection_finish() -> None:
    """Whatever is compiled is compiled by a test or a fixture, after this."""
    if "boa" in sys.modules:
        import boa.interpret
        from boa.contracts.vyper.vyper_contract import VyperContract

        boa.interpret.get_module_fingerprint = fingerprint
        VyperContract._deployment_source_map = property(_deployment_source_map)
        VyperContract.__repr__ = lambda self: (
            f"<{self.compiler_data.contract_path} at {self.address}>"
        )


def _deployment_source_map(contract: Any) -> Any:
    data = contract.compiler_data
    if data not in _SOURCE_MAPS:
        from vyper.compiler.settings import anchor_settings
        from vyper.ir import compile_ir

        with anchor_settings(data.settings):
            _, _SOURCE_MAPS[data] = compile_ir.assembly_to_evm(data.assembly)
    return _SOURCE_MAPS[data]


def fingerprint(module_t: Any, _seen: Any = None) -> str:
    """Changes with any file that the module is made of."""
    return _digest(module_t._module)


def _digest(module: Any) -> str:
    from vyper import ast as vy_ast

    parts = [hashlib.sha256(module.full_source_code.encode()).hexdigest()]
    for statement in module.get_children((vy_ast.Import, vy_ast.ImportFrom)):
        info = statement._metadata.get("import_info")
        if info is None:
            continue
        parts.append(info.compiler_input.sha256sum)
        if isinstance(info.parsed, vy_ast.Module):
            parts.append(_digest(info.parsed))
    return hashlib.sha256("".join(parts).encode()).hexdigest()
