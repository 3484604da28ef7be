"""What binds the API to a chain and to Cairn's own programs; apart, since it imports much."""

from cairn.serving._chain_catalog import ChainCatalog
from cairn.serving._programs import ProgramPredictor, decode_program
from cairn.serving._signer import open_signer

__all__ = ["ChainCatalog", "ProgramPredictor", "decode_program", "open_signer"]
