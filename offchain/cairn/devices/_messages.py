"""The HTTP message around a packet: `{deviceID, payload, signature}`.

`deviceID` is "did:io:0x…", the address of the device's key; `payload` is the packet in base64url;
`signature` is the device's over SHA-256 of the JSON without that field, r || s (a v after them is
not needed), in hexadecimal or base64url. The JSON that is signed has the two other fields in this
order with nothing between the tokens, as firmware and JavaScript write it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re

from cairn.errors import CairnError

MAX_MESSAGE_BYTES = 2_048
"""A packet in base64 has at most 684 characters, did and signature have some 200."""

_DID = re.compile(r"did:io:0x([0-9a-fA-F]{40})")


class MessageError(CairnError):
    """A message that is not of this form."""


def signed_text(device_id: str, payload: str) -> bytes:
    """The bytes whose SHA-256 the device signs."""
    return json.dumps({"deviceID": device_id, "payload": payload}, separators=(",", ":")).encode()


def encode_message(device: bytes, packet: bytes, signature: bytes) -> bytes:
    """The message as a device sends it; `signature` is over SHA-256 of `signed_text`."""
    device_id, payload = outer_fields(device, packet)
    return json.dumps(
        {"deviceID": device_id, "payload": payload, "signature": signature.hex()},
        separators=(",", ":"),
    ).encode()


def outer_fields(device: bytes, packet: bytes) -> tuple[str, str]:
    """`deviceID` and `payload` of a device's packet."""
    return f"did:io:0x{device.hex()}", base64.urlsafe_b64encode(packet).decode().rstrip("=")


def decode_message(body: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    """The device's address, the packet, the outer signature, and the digest that it is over.

    Raises MessageError that says what is wrong.
    """
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise MessageError("the body is not JSON") from None
    if not isinstance(found, dict) or set(found) != {"deviceID", "payload", "signature"}:
        raise MessageError("the body is an object of deviceID, payload and signature")
    if not all(isinstance(value, str) for value in found.values()):
        raise MessageError("deviceID, payload and signature are strings")
    did = _DID.fullmatch(found["deviceID"])
    if did is None:
        raise MessageError("deviceID is did:io:0x and the 40 digits of the device's address")
    packet = _base64url(found["payload"], "payload")
    digest = hashlib.sha256(signed_text(found["deviceID"], found["payload"])).digest()
    return bytes.fromhex(did[1]), packet, _signature(found["signature"]), digest


def _signature(text: str) -> bytes:
    digits = text.removeprefix("0x")
    if re.fullmatch(r"(?:[0-9a-fA-F]{2}){64,65}", digits):
        raw = bytes.fromhex(digits)
    else:
        raw = _base64url(text, "signature")
    if len(raw) not in (64, 65):
        raise MessageError("the signature is r || s of 64 bytes, perhaps with a v behind")
    return raw[:64]


def _base64url(text: str, what: str) -> bytes:
    try:
        return base64.b64decode(
            text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), altchars=b"-_", validate=True
        )
    except (binascii.Error, ValueError):
        raise MessageError(f"{what} is not base64url") from None
