"""What binds an audit to a chain; apart, since it imports much."""

from cairn.audit._chain_ledger import ChainLedger

__all__ = ["ChainLedger"]
