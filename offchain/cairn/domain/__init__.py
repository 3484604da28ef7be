"""Integers, programs, Merkle trees, packets and typed data: pure, with no I/O and no floats."""
