"""What the gas bench signs."""

from __future__ import annotations

from types import SimpleNamespace

from scripts import _bench
from scripts._bench import Bench


def test_sign__half_that_begins_with_zeros__has_32_bytes(monkeypatch):
    """Ape leaves the leading zeros out, and a short bytes32 is padded at its other end."""
    monkeypatch.setattr(_bench, "chain", SimpleNamespace(chain_id=4690))
    signature = SimpleNamespace(v=27, r=b"\x11" * 31, s=b"\x22" * 30)
    signer = SimpleNamespace(address="0x" + "11" * 20, sign_message=lambda _: signature)
    token = SimpleNamespace(name=lambda: "Pioneers", address="0x" + "22" * 20)
    bench = Bench(stage=None, system=None, alliance=None)
    assert bench.sign(signer, token, "Permit", "uint256 value", value=1) == (
        27,
        b"\0" + b"\x11" * 31,
        b"\0\0" + b"\x22" * 30,
    )
