"""Cairn: models that the owners of signing sensors train, own, govern and sell together.

program = cairn.export(pipeline, X, schema)
program.predict(X)
program.save("model.cairn")
"""

from typing import TYPE_CHECKING, Any

from cairn.errors import CairnError

if TYPE_CHECKING:
    from cairn.models import export

__all__ = ["CairnError", "export"]


def __getattr__(name: str) -> Any:
    # Late: scikit-learn and numpy are for those who export.
    if name == "export":
        from cairn.models import export

        return export
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
