"""Integers, programs, trees of hashes and content ids: pure, no I/O."""
