# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title credentials: what an issuer says of a caller
@license Apache-2.0
@notice An issuer signs that somebody may buy of an alliance, until a time; whoever has the credential shows it
        here, once, and the issuer takes back what he signed, by its serial.
@dev A part of AccessPolicy, whose header has the invariants: here is ACCESS-4.
"""

from ..interfaces import IAccessPolicy
from . import signatures

uses: signatures

UINT64: constant(uint256) = 2**64 - 1
CREDENTIAL_TYPEHASH: constant(bytes32) = keccak256(
    "Credential(address issuer,address alliance,address subject,uint256 serial,uint256 expiresAt)"
)

# Issuer -> alliance -> subject -> expiry (64 bits), serial (64), revoked up to (64); whoever presents
# and the issuer write it.
_credentials: HashMap[address, HashMap[address, HashMap[address, uint256]]]


# --- anyone ---


@external
def present(
    issuer: address,
    alliance: address,
    subject: address,
    serial: uint256,
    expires_at: uint256,
    signature: Bytes[signatures.MAX_SIGNATURE],
):
    assert serial <= UINT64 and expires_at <= UINT64, "present: number too large"
    assert expires_at > block.timestamp, "present: credential has expired"
    known_serial: uint256 = 0
    known_expiry: uint256 = 0
    revoked: uint256 = 0
    known_serial, known_expiry, revoked = self._credential(issuer, alliance, subject)
    assert serial > revoked, "present: credential is revoked"
    # The newest stands: an older one cannot be shown again to bring back what the issuer changed.
    assert serial > known_serial, "present: not newer than the last"
    struct_hash: bytes32 = keccak256(
        abi_encode(CREDENTIAL_TYPEHASH, issuer, alliance, subject, serial, expires_at)
    )
    digest: bytes32 = signatures._digest(struct_hash)
    assert signatures._is_signed(issuer, digest, signature), "present: not signed by the issuer"
    self._credentials[issuer][alliance][subject] = self._pack_credential(
        serial, expires_at, revoked
    )
    log IAccessPolicy.CredentialPresented(
        issuer=issuer,
        alliance=alliance,
        subject=subject,
        serial=serial,
        expires_at=expires_at,
    )


# --- issuers: whoever calls revokes what he signed himself ---


@external
def revoke(alliance: address, subject: address, up_to_serial: uint256):
    assert up_to_serial <= UINT64, "revoke: serial too large"
    serial: uint256 = 0
    expires_at: uint256 = 0
    revoked: uint256 = 0
    serial, expires_at, revoked = self._credential(msg.sender, alliance, subject)
    assert up_to_serial > revoked, "revoke: serial is revoked already"
    self._credentials[msg.sender][alliance][subject] = self._pack_credential(
        serial, expires_at, up_to_serial
    )
    log IAccessPolicy.CredentialsRevoked(
        issuer=msg.sender,
        alliance=alliance,
        subject=subject,
        up_to_serial=up_to_serial,
    )


# --- views ---


@view
@external
def credential(issuer: address, alliance: address, subject: address) -> (uint256, uint256, uint256):
    return self._credential(issuer, alliance, subject)


# --- internal ---


@view
@internal
def _fault(issuer: address, alliance: address, subject: address) -> String[40]:
    """
    @notice Why a subject's credential does not count now; empty if it does. It never reverts.
    """
    serial: uint256 = 0
    expires_at: uint256 = 0
    revoked: uint256 = 0
    serial, expires_at, revoked = self._credential(issuer, alliance, subject)
    if serial == 0:
        return "policy: no credential was shown"
    if serial <= revoked:
        return "policy: credential is revoked"
    if block.timestamp >= expires_at:
        return "policy: credential has expired"
    return ""


@view
@internal
def _credential(
    issuer: address, alliance: address, subject: address
) -> (uint256, uint256, uint256):
    packed: uint256 = self._credentials[issuer][alliance][subject]
    return (packed >> 64) & UINT64, packed & UINT64, packed >> 128


@pure
@internal
def _pack_credential(serial: uint256, expires_at: uint256, revoked: uint256) -> uint256:
    # Each was checked against its width where it came in.
    return expires_at | (serial << 64) | (revoked << 128)
