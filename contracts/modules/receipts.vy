# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title receipts: what operators signed off chain, judged on chain
@license Apache-2.0
@notice Whoever holds a receipt shows what he asked and what he was told; this contract runs the program. An
        operator who signed something else loses his whole reserve.
@dev A part of InferenceMarket, whose header has the invariants. A receipt is signed in this contract's
     domain, so it counts on no other market and no other chain. The pragma above locks the functions that
     the contract exports, all with its one lock.
"""

from ..interfaces import IInferenceMarket
from ..interfaces import IModelRegistry
from . import merkle
from . import request_book
from . import signatures

uses: request_book
uses: signatures

# Shorter than the unbonding of a reserve (StakeLedger: 14 days).
RECEIPT_LIFE_S: constant(uint256) = 7 * 86_400
MAX_PROOF: constant(uint256) = 20
# As in ERC-7992's commitments to the Evaluator.
INPUT_DOMAIN: constant(bytes32) = keccak256("cairn-input-v1")
RECEIPT_TYPEHASH: constant(bytes32) = keccak256(
    "Receipt(uint256 modelId,uint256 version,bytes32 programHash,bytes32 root,uint256 issuedAt,uint256 termsId,address operator)"
)


# --- anyone ---


@external
def challenge_receipt(
    receipt: IInferenceMarket.Receipt,
    signature: Bytes[65],
    outputs: Bytes[1024],
    salt: bytes32,
    features: Bytes[4096],
    proof: DynArray[bytes32, MAX_PROOF],
):
    # A back-dated receipt is one that was issued too long ago.
    assert receipt.issued_at <= block.timestamp, "receipt: from the future"
    in_time: bool = block.timestamp <= receipt.issued_at + RECEIPT_LIFE_S
    assert in_time, "receipt: too old"
    since: uint256 = staticcall request_book.LEDGER.reserve_since(receipt.operator)
    assert receipt.issued_at > since, "receipt: older than the reserve"
    terms: IModelRegistry.Terms = request_book._terms(receipt.terms_id)
    exist: bool = (
        terms.model_id == receipt.model_id
        and terms.version == receipt.version
        and terms.program_hash == receipt.program_hash
    )
    assert exist, "receipt: no such terms"
    digest: bytes32 = self._receipt_digest(receipt)
    assert len(signature) == 65, "receipt: signature has other length"
    signer: address = signatures._recover(
        digest,
        convert(slice(signature, 64, 1), uint256),
        extract32(signature, 0, output_type=uint256),
        extract32(signature, 32, output_type=uint256),
    )
    assert signer != empty(address), "receipt: signature malformed"
    assert signer == receipt.operator, "receipt: operator did not sign it"

    leaf: bytes32 = keccak256(
        keccak256(
            concat(keccak256(concat(INPUT_DOMAIN, salt, features)), keccak256(outputs))
        )
    )
    covered: bool = merkle._root_of(leaf, proof) == receipt.root
    assert covered, "receipt: not of this prediction"
    # A judge that runs out of gas reverts here, and so decides nothing.
    right: Bytes[1024] = request_book._evaluate(terms.program_hash, features)
    assert keccak256(right) != keccak256(outputs), "receipt: the prediction is right"
    log IInferenceMarket.ReceiptChallenged(
        operator=receipt.operator,
        challenger=msg.sender,
        model_id=receipt.model_id,
        digest=digest,
        outputs=right,
    )
    extcall request_book.LEDGER.slash_reserve(receipt.operator, msg.sender)


# --- views ---


@pure
@external
def receipt_life_s() -> uint256:
    return RECEIPT_LIFE_S


@view
@external
def receipt_digest(receipt: IInferenceMarket.Receipt) -> bytes32:
    return self._receipt_digest(receipt)


# --- internal ---


@view
@internal
def _receipt_digest(receipt: IInferenceMarket.Receipt) -> bytes32:
    return signatures._digest(keccak256(abi_encode(RECEIPT_TYPEHASH, receipt)))
