# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title ReceiptJudge: what operators sign off chain, judged on chain
@license Apache-2.0
@notice Whoever holds a receipt shows what he asked and what he was told; this contract runs the program. An
        operator who signed something else loses his whole reserve, half of it to who showed it.
@dev RECEIPT-1: a reserve is slashed only for a prediction that its owner signed and that is wrong.
     RECEIPT-2: it is, whenever such a prediction is shown until RECEIPT_LIFE_S after the receipt's issue, and
                the reserve stood when it was issued.
     RECEIPT-3: a receipt counts in this contract's signing domain alone: on no other judge, on no other chain.
@custom:kill Cannot be stopped: no owner, no upgrade.
"""

from ..interfaces import IEvaluator
from ..interfaces import IModelRegistry
from ..interfaces import IReceiptJudge
from ..interfaces import IStakeLedger
from ..modules import merkle
from ..modules import signatures

implements: IReceiptJudge
initializes: signatures

exports: (signatures.eip712Domain,)

# Shorter than the unbonding of a reserve (StakeLedger: 14 days).
RECEIPT_LIFE_S: constant(uint256) = 7 * 86_400
MAX_PROOF: constant(uint256) = 20
# As in ERC-7992's commitments to the Evaluator.
INPUT_DOMAIN: constant(bytes32) = keccak256("cairn-input-v1")
RECEIPT_TYPEHASH: constant(bytes32) = keccak256(
    "Receipt(uint256 modelId,uint256 version,bytes32 programHash,bytes32 root,uint256 issuedAt,uint256 termsId,address operator)"
)

REGISTRY: public(immutable(IModelRegistry))
EVALUATOR: public(immutable(IEvaluator))
LEDGER: public(immutable(IStakeLedger))


@deploy
def __init__(registry: IModelRegistry, evaluator: IEvaluator, ledger: IStakeLedger):
    """
    @param registry Where terms come from.
    @param evaluator Who runs programs.
    @param ledger Where operators' reserves lie; it must have been told of this judge.
    """
    assert registry.address != empty(address), "receipts: registry is zero"
    assert evaluator.address.is_contract, "receipts: no evaluator"
    assert staticcall ledger.is_judge(self), "receipts: ledger does not know it"
    signatures.__init__("Cairn ReceiptJudge")
    REGISTRY = registry
    EVALUATOR = evaluator
    LEDGER = ledger


# --- anyone ---


@external
def challenge_receipt(
    receipt: IReceiptJudge.Receipt,
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
    since: uint256 = staticcall LEDGER.reserve_since(receipt.operator)
    assert receipt.issued_at > since, "receipt: older than the reserve"
    terms: IModelRegistry.Terms = staticcall REGISTRY.terms(receipt.terms_id)
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
        keccak256(concat(keccak256(concat(INPUT_DOMAIN, salt, features)), keccak256(outputs)))
    )
    covered: bool = merkle._root_of(leaf, proof) == receipt.root
    assert covered, "receipt: not of this prediction"
    # A judge that runs out of gas reverts here, and so decides nothing.
    right: Bytes[1024] = staticcall EVALUATOR.evaluate(terms.program_hash, features)
    assert keccak256(right) != keccak256(outputs), "receipt: the prediction is right"
    log IReceiptJudge.ReceiptChallenged(
        operator=receipt.operator,
        challenger=msg.sender,
        model_id=receipt.model_id,
        digest=digest,
        outputs=right,
    )
    extcall LEDGER.slash_reserve(receipt.operator, msg.sender)


# --- views ---


@pure
@external
def receipt_life_s() -> uint256:
    return RECEIPT_LIFE_S


@view
@external
def receipt_digest(receipt: IReceiptJudge.Receipt) -> bytes32:
    return self._receipt_digest(receipt)


# --- internal ---


@view
@internal
def _receipt_digest(receipt: IReceiptJudge.Receipt) -> bytes32:
    return signatures._digest(keccak256(abi_encode(RECEIPT_TYPEHASH, receipt)))
