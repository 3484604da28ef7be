# pragma version 0.4.3
"""
@title discovery: how a model, and who serves it, is found
@license Apache-2.0
@notice An alliance tags its models; an operator who serves a model with stake lists where. Everything is in
        events, by the tag's hash, the model and the operator.
@dev A part of ModelRegistry, whose header has the invariants: here are MODEL-10 and MODEL-11. The registry
     checks that a model exists, and who tags it.
"""

from ..interfaces import IModelRegistry
from ..interfaces import IStakeLedger

MAX_TAGS: constant(uint256) = 16
MAX_TAG: constant(uint256) = 32
MAX_ENDPOINT: constant(uint256) = 128
# The least lock of an answer: who cannot back one serves nobody.
MIN_LISTING_STAKE_WEI: constant(uint256) = 10**18
HYPHEN: constant(uint256) = 45

LEDGER: public(immutable(IStakeLedger))

# Model id -> how many tags it has; _tag and _untag write it.
n_tags: public(HashMap[uint256, uint256])
# Model id -> hash of a tag -> whether the model has it; _tag and _untag write it.
_has_tag: HashMap[uint256, HashMap[bytes32, bool]]
# Model id -> operator -> where he serves it, empty if nowhere; _list and withdraw_listing write it.
_endpoints: HashMap[uint256, HashMap[address, String[MAX_ENDPOINT]]]


@deploy
def __init__(ledger: IStakeLedger):
    """
    @param ledger Where operators' stake lies, and who serves what.
    """
    assert ledger.address != empty(address), "discovery: ledger is zero"
    LEDGER = ledger


# --- operators ---


@external
def withdraw_listing(model_id: uint256):
    assert len(self._endpoints[model_id][msg.sender]) > 0, "withdraw_listing: not listed"
    self._endpoints[model_id][msg.sender] = ""
    log IModelRegistry.ListingWithdrawn(model_id=model_id, operator=msg.sender)


# --- views ---


@view
@external
def listing(model_id: uint256, operator: address) -> (String[MAX_ENDPOINT], bool):
    return self._endpoints[model_id][operator], self._is_backed(model_id, operator)


@view
@external
def has_tag(model_id: uint256, tag: String[MAX_TAG]) -> bool:
    return self._has_tag[model_id][keccak256(tag)]


# --- internal ---


@internal
def _list(model_id: uint256, endpoint: String[MAX_ENDPOINT]):
    assert len(endpoint) > 0, "list_endpoint: no endpoint"
    assert self._is_backed(model_id, msg.sender), "list_endpoint: not served with stake"
    self._endpoints[model_id][msg.sender] = endpoint
    log IModelRegistry.OperatorListed(model_id=model_id, operator=msg.sender, endpoint=endpoint)


@view
@internal
def _is_backed(model_id: uint256, operator: address) -> bool:
    if not staticcall LEDGER.is_serving(operator, model_id):
        return False
    return staticcall LEDGER.stake_wei(operator) >= MIN_LISTING_STAKE_WEI


@internal
def _tag(model_id: uint256, tags: DynArray[String[MAX_TAG], MAX_TAGS]):
    count: uint256 = self.n_tags[model_id]
    for tag: String[MAX_TAG] in tags:
        self._check_tag(tag)
        tag_hash: bytes32 = keccak256(tag)
        if not self._has_tag[model_id][tag_hash]:
            self._has_tag[model_id][tag_hash] = True
            count += 1
            log IModelRegistry.Tagged(tag_hash=tag_hash, model_id=model_id, tag=tag)
    assert count <= MAX_TAGS, "tag: too many tags"
    self.n_tags[model_id] = count


@internal
def _untag(model_id: uint256, tags: DynArray[String[MAX_TAG], MAX_TAGS]):
    for tag: String[MAX_TAG] in tags:
        tag_hash: bytes32 = keccak256(tag)
        assert self._has_tag[model_id][tag_hash], "untag: no such tag"
        self._has_tag[model_id][tag_hash] = False
        log IModelRegistry.Untagged(tag_hash=tag_hash, model_id=model_id, tag=tag)
    self.n_tags[model_id] -= len(tags)


@pure
@internal
def _check_tag(tag: String[MAX_TAG]):
    """
    @dev One spelling for a tag, or searching for its hash would miss the others.
    """
    size: uint256 = len(tag)
    assert size > 0, "tag: empty"
    for i: uint256 in range(size, bound=MAX_TAG):
        letter: uint256 = convert(convert(slice(tag, i, 1), Bytes[1]), uint256)
        is_letter: bool = letter >= 97 and letter <= 122
        is_digit: bool = letter >= 48 and letter <= 57
        assert is_letter or is_digit or letter == HYPHEN, "tag: only a-z, 0-9 and hyphens"
