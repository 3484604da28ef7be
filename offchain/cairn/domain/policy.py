"""Access policies: the token bucket as AccessPolicy counts it, and what people sign for it.

A bucket holds `capacity` tokens and is full at first; each admission takes one; `refill` tokens flow
in over each period, evenly, until it is full again. A token is `period_s` parts and `refill` parts
flow in each second, so that nothing is ever rounded: a bucket admits as soon as a whole token is
there, no second earlier. The contract's integers and these are the same.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from eth_account.messages import SignableMessage, encode_typed_data
from eth_utils.address import is_address, to_checksum_address

from cairn.errors import CairnError

__all__ = [
    "FULL",
    "MAX_CAPACITY",
    "MAX_PERIOD_S",
    "UNLIMITED",
    "Acceptance",
    "Bucket",
    "Credential",
    "CredentialError",
    "Limit",
    "LimitError",
    "read_credential",
]

MAX_CAPACITY = 2**32 - 1
"""The most tokens of a bucket, and the most that flow in each period."""
MAX_PERIOD_S = 365 * 86_400
"""A year: what comes back more slowly is no rate."""


class LimitError(CairnError):
    """A limit that no policy can have."""


@dataclass(frozen=True, slots=True)
class Limit:
    """How often: `refill` tokens each `period_s` seconds, `capacity` at once. Capacity 0: no limit.

    Raises LimitError for what the contract refuses.
    """

    capacity: int
    refill: int
    period_s: int

    def __post_init__(self) -> None:
        if self.capacity == 0:
            if self.refill or self.period_s:
                raise LimitError("a limit of capacity 0 is none: give it no refill and no period")
            return
        for name, value, most in (
            ("capacity", self.capacity, MAX_CAPACITY),
            ("refill", self.refill, MAX_CAPACITY),
            ("period_s", self.period_s, MAX_PERIOD_S),
        ):
            if not 1 <= value <= most:
                raise LimitError(f"{name} is {value}: give 1 to {most}")

    @property
    def is_none(self) -> bool:
        """Whether this limits nothing."""
        return self.capacity == 0


UNLIMITED = Limit(0, 0, 0)


@dataclass(frozen=True, slots=True)
class Bucket:
    """What is missing to a bucket's being full, in parts of a token, at a time in unix seconds.

    Times are never before the bucket's own: who counts by a clock that can be set back passes the
    later of the two.
    """

    missing: int = 0
    at: int = 0

    def missing_at(self, limit: Limit, now: int) -> int:
        """The parts that are missing at a time; they only shrink with it."""
        return max(0, self.missing - limit.refill * (now - self.at))

    def left(self, limit: Limit, now: int) -> int:
        """Whole tokens that are there at a time. The limit must be one."""
        return limit.capacity - _ceil_div(self.missing_at(limit, now), limit.period_s)

    def wait_s(self, limit: Limit, now: int) -> int:
        """Whole seconds from `now` until a token is there; 0 if there is one. For Retry-After."""
        if limit.is_none:
            return 0
        lacking = self.missing_at(limit, now) + limit.period_s - limit.capacity * limit.period_s
        return _ceil_div(max(0, lacking), limit.refill)

    def taken(self, limit: Limit, now: int) -> Bucket | None:
        """The bucket once a token is taken at a time; None if there is none to take.

        Without a limit nothing is counted, and the bucket stays as it is.
        """
        if limit.is_none:
            return self
        missing = self.missing_at(limit, now) + limit.period_s
        if missing > limit.capacity * limit.period_s:
            return None
        return Bucket(missing, now)


FULL = Bucket()


def _ceil_div(a: int, b: int) -> int:
    """Of non-negative integers, as the contract rounds."""
    return (a + b - 1) // b


@dataclass(frozen=True, slots=True)
class Credential:
    """An issuer's statement about a subject, which an alliance's policies may ask for.

    `serial` counts an issuer's credentials for a subject, or is the time of issue: a newer one is
    higher. It counts until `expires_at`, unix seconds, that second excluded.
    """

    issuer: str
    alliance: str
    subject: str
    serial: int
    expires_at: int

    def message(self, chain_id: int, contract: str) -> SignableMessage:
        """What the issuer signs, by EIP-712 in the domain of an AccessPolicy contract."""
        return encode_typed_data(
            domain_data=_domain(chain_id, contract),
            message_types={
                "Credential": [
                    {"name": "issuer", "type": "address"},
                    {"name": "alliance", "type": "address"},
                    {"name": "subject", "type": "address"},
                    {"name": "serial", "type": "uint256"},
                    {"name": "expiresAt", "type": "uint256"},
                ]
            },
            message_data={
                "issuer": self.issuer,
                "alliance": self.alliance,
                "subject": self.subject,
                "serial": self.serial,
                "expiresAt": self.expires_at,
            },
        )


class CredentialError(CairnError):
    """A file that is no credential; says why."""


_FIELDS = ("issuer", "alliance", "subject", "serial", "expires_at", "signature")
_UINT64 = 2**64


def read_credential(data: bytes) -> tuple[Credential, bytes]:
    """A credential and its signature, from the JSON object in which an issuer hands them over:
    the fields of Credential, and `signature`, 0x and hexadecimal. Whether the issuer signed it is
    the contract's to say.

    Raises CredentialError.
    """
    try:
        fields = json.loads(data)
    except (ValueError, RecursionError):
        raise CredentialError("not a credential: it is no JSON") from None
    if not isinstance(fields, dict) or sorted(fields) != sorted(_FIELDS):
        raise CredentialError(f"not a credential: give an object of {', '.join(_FIELDS)}")
    for name in ("issuer", "alliance", "subject"):
        if not is_address(fields[name]):
            raise CredentialError(f"{name} is {fields[name]!r}: give an address, 0x and 40 digits")
    for name in ("serial", "expires_at"):
        number = fields[name]
        if type(number) is not int or not 0 < number < _UINT64:
            raise CredentialError(f"{name} is {number!r}: give a whole number from 1 to 2**64 - 1")
    signature = fields["signature"]
    if not isinstance(signature, str) or not re.fullmatch("0x([0-9a-fA-F]{2})+", signature):
        raise CredentialError("signature: give 0x and hexadecimal digits, two a byte")
    credential = Credential(
        issuer=to_checksum_address(fields["issuer"]),
        alliance=to_checksum_address(fields["alliance"]),
        subject=to_checksum_address(fields["subject"]),
        serial=fields["serial"],
        expires_at=fields["expires_at"],
    )
    return credential, bytes.fromhex(signature[2:])


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A caller's word that it accepts an alliance's terms of use, by keccak256 of their text."""

    alliance: str
    terms_hash: bytes
    caller: str

    def message(self, chain_id: int, contract: str) -> SignableMessage:
        """What the caller signs, by EIP-712 in the domain of an AccessPolicy contract."""
        return encode_typed_data(
            domain_data=_domain(chain_id, contract),
            message_types={
                "Acceptance": [
                    {"name": "alliance", "type": "address"},
                    {"name": "termsHash", "type": "bytes32"},
                    {"name": "caller", "type": "address"},
                ]
            },
            message_data={
                "alliance": self.alliance,
                "termsHash": self.terms_hash,
                "caller": self.caller,
            },
        )


def _domain(chain_id: int, contract: str) -> dict[str, str | int]:
    return {
        "name": "Cairn AccessPolicy",
        "version": "1",
        "chainId": chain_id,
        "verifyingContract": contract,
    }
