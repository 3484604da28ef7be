"""titanoboa's cache of compiled contracts, keyed by all that they are made of.

titanoboa 0.2.8 looks at a contract and at the files that it imports, not at those that these
import: after a change in a nested module it would hand out the old bytecode, and the tests would
pass on it. It has no setting for that, so its fingerprint is replaced.
"""

from __future__ import annotations

import hashlib
import sys
from typing import Any


def pytest_collection_finish() -> None:
    """Whatever is compiled is compiled by a test or a fixture, after this."""
    if "boa" in sys.modules:
        import boa.interpret

        boa.interpret.get_module_fingerprint = fingerprint


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
