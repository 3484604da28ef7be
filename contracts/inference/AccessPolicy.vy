# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title AccessPolicy: who may ask, how often, having accepted what
@license Apache-2.0
@notice An alliance writes its rules down here: who may buy predictions of its models (anyone, members,
        a list, holders of shares, bearers of a credential), how often, which terms of use they must have
        accepted, and what may be handed on. The terms of sale name such a policy; the market asks here
        before it sells. Policy 0 is open and unlimited, and asked for nothing.
@dev ACCESS-1: a policy, once created, never changes; only its list does, by its alliance.
     ACCESS-2: `admit` reverts exactly if `reason` is not empty, and with that reason.
     ACCESS-3: only the market takes from a policy's buckets, and only what it sells.
     ACCESS-4: a credential counts for its subject alone, until its expiry, while its serial is above
               all that its issuer revoked.
     ACCESS-5: an acceptance is made by its caller, or signed by him.
     ACCESS-6: who counts as a member owns, now, a sensor that the alliance has admitted, now.
@custom:kill Cannot be stopped: no owner, no upgrade. An alliance sets other terms, with another policy.
"""

from ..interfaces import IAccessPolicy
from ..interfaces import IDeviceRegistry
from ..modules import credentials
from ..modules import signatures
from ..modules import token_bucket

implements: IAccessPolicy
initializes: signatures
initializes: credentials[signatures := signatures]

exports: signatures.eip712Domain
exports: (credentials.present, credentials.revoke, credentials.credential)

UINT32: constant(uint256) = 2**32 - 1
UINT96: constant(uint256) = 2**96 - 1
UINT160: constant(uint256) = 2**160 - 1
# A year: what comes back more slowly is no rate.
MAX_PERIOD_S: constant(uint256) = 365 * 86_400
# One vote's worth.
MAX_CALLERS: constant(uint256) = 64
# Where in a policy's head the facts beyond the alliance lie.
MODE_AT: constant(uint256) = 160
DISTRIBUTION_AT: constant(uint256) = 168
HAS_LIMITS: constant(uint256) = 1 << 176
HAS_TERMS: constant(uint256) = 1 << 177
ACCEPTANCE_TYPEHASH: constant(bytes32) = keccak256(
    "Acceptance(address alliance,bytes32 termsHash,address caller)"
)

# The only contract that admits.
MARKET: public(immutable(address))
# Who owns which sensor, and which alliance admitted it.
DEVICES: public(immutable(IDeviceRegistry))

# How many policies there are; create_policy writes it.
n_policies: public(uint256)
# Policy id -> alliance (160 bits), mode (8), distribution (8), HAS_LIMITS, HAS_TERMS, from the low end;
# create_policy writes it.
_heads: HashMap[uint256, uint256]
# Policy id -> token or issuer (160 bits), threshold (96); create_policy writes it.
_authorities: HashMap[uint256, uint256]
# Policy id -> limit per caller (96 bits), limit in all (96); create_policy writes it.
_limits: HashMap[uint256, uint256]
# Policy id -> keccak256 of the terms of use; create_policy writes it.
_terms_hash: HashMap[uint256, bytes32]
# Policy id -> where the terms of use can be read; create_policy writes it.
_terms_cid: HashMap[uint256, Bytes[36]]
# Policy id -> caller -> whether he is on the list; the policy's alliance writes it.
is_listed: public(HashMap[uint256, HashMap[address, bool]])
# Policy id -> caller -> his bucket; the market writes it.
_buckets: HashMap[uint256, HashMap[address, uint256]]
# Policy id -> the bucket of all callers; the market writes it.
_bucket_in_all: HashMap[uint256, uint256]
# Alliance -> caller -> the sensor that he named; the caller writes it.
device_named: public(HashMap[address, HashMap[address, address]])
# Alliance -> hash of terms of use -> caller -> unix seconds of his acceptance; the caller writes it.
accepted_at: public(HashMap[address, HashMap[bytes32, HashMap[address, uint256]]])


@deploy
def __init__(market: address, devices: IDeviceRegistry):
    """
    @param market The InferenceMarket, which alone takes from the limits.
    @param devices Who owns which sensor.
    """
    assert market != empty(address), "policy: market is zero"
    assert devices.address.is_contract, "policy: no device registry"
    signatures.__init__("Cairn AccessPolicy")
    MARKET = market
    DEVICES = devices


# --- the market ---


@external
def admit(policy_id: uint256, caller: address):
    assert msg.sender == MARKET, "admit: caller is not the market"
    reason: String[40] = ""
    of_caller: uint256 = 0
    of_all: uint256 = 0
    reason, of_caller, of_all = self._admission(policy_id, caller)
    if reason != "":
        raise reason
    # A bucket just taken from is never an empty word.
    if of_caller != 0:
        self._buckets[policy_id][caller] = of_caller
    if of_all != 0:
        self._bucket_in_all[policy_id] = of_all


# --- callers ---


@external
def name_device(alliance: address, device: address):
    assert self._makes_member(alliance, device, msg.sender), "name_device: not his, or not admitted"
    self.device_named[alliance][msg.sender] = device
    log IAccessPolicy.DeviceNamed(alliance=alliance, caller=msg.sender, device=device)


@external
def accept_terms(alliance: address, terms_hash: bytes32):
    self._accept(alliance, terms_hash, msg.sender)


@external
def accept_terms_by_signature(
    alliance: address,
    terms_hash: bytes32,
    caller: address,
    signature: Bytes[signatures.MAX_SIGNATURE],
):
    digest: bytes32 = signatures._digest(
        keccak256(abi_encode(ACCEPTANCE_TYPEHASH, alliance, terms_hash, caller))
    )
    assert signatures._is_signed(caller, digest, signature), "accept: not signed by the caller"
    self._accept(alliance, terms_hash, caller)


# --- alliances ---


@external
def create_policy(rules: IAccessPolicy.Rules) -> uint256:
    # Nothing is looked up here that is not on chain already: the token must be there.
    self._check_rules(rules)
    policy_id: uint256 = self.n_policies + 1
    self.n_policies = policy_id
    head: uint256 = (
        convert(msg.sender, uint256)
        | (convert(rules.mode, uint256) << MODE_AT)
        | (convert(rules.distribution, uint256) << DISTRIBUTION_AT)
    )
    limits: uint256 = token_bucket._pack(rules.per_caller) | (
        token_bucket._pack(rules.in_all) << token_bucket.LIMIT_BITS
    )
    if limits != 0:
        head |= HAS_LIMITS
        self._limits[policy_id] = limits
    if rules.terms_hash != empty(bytes32):
        head |= HAS_TERMS
        self._terms_hash[policy_id] = rules.terms_hash
        self._terms_cid[policy_id] = rules.terms_cid
    if rules.authority != empty(address):
        self._authorities[policy_id] = convert(rules.authority, uint256) | (rules.threshold << 160)
    self._heads[policy_id] = head
    log IAccessPolicy.PolicyCreated(policy_id=policy_id, alliance=msg.sender, rules=rules)
    return policy_id


@external
def set_listed(policy_id: uint256, callers: DynArray[address, MAX_CALLERS], is_listed: bool):
    alliance: address = self._address(self._heads[policy_id])
    assert msg.sender == alliance, "set_listed: caller is not alliance"
    assert self._mode(self._heads[policy_id]) == IAccessPolicy.Mode.LISTED, "set_listed: no list"
    for caller: address in callers:
        self.is_listed[policy_id][caller] = is_listed
        log IAccessPolicy.CallerListed(policy_id=policy_id, caller=caller, is_listed=is_listed)


# --- views ---


@view
@external
def alliance_of(policy_id: uint256) -> address:
    return self._address(self._heads[policy_id])


@view
@external
def rules(policy_id: uint256) -> IAccessPolicy.Rules:
    head: uint256 = self._heads[policy_id]
    assert head != 0, "rules: unknown policy"
    authority: uint256 = self._authorities[policy_id]
    per_caller: IAccessPolicy.Limit = empty(IAccessPolicy.Limit)
    in_all: IAccessPolicy.Limit = empty(IAccessPolicy.Limit)
    per_caller, in_all = self._unpack_limits(policy_id)
    return IAccessPolicy.Rules(
        mode=self._mode(head),
        authority=self._address(authority),
        threshold=authority >> 160,
        per_caller=per_caller,
        in_all=in_all,
        distribution=convert((head >> DISTRIBUTION_AT) & 255, IAccessPolicy.Distribution),
        terms_hash=self._terms_hash[policy_id],
        terms_cid=self._terms_cid[policy_id],
    )


@view
@external
def reason(policy_id: uint256, caller: address) -> String[40]:
    return self._admission(policy_id, caller)[0]


@view
@external
def standing(policy_id: uint256, caller: address) -> String[40]:
    return self._standing(policy_id, caller)


@view
@external
def left(policy_id: uint256, caller: address) -> (uint256, uint256):
    per_caller: IAccessPolicy.Limit = empty(IAccessPolicy.Limit)
    in_all: IAccessPolicy.Limit = empty(IAccessPolicy.Limit)
    per_caller, in_all = self._unpack_limits(policy_id)
    of_caller: uint256 = max_value(uint256)
    of_all: uint256 = max_value(uint256)
    if per_caller.capacity != 0:
        of_caller = token_bucket._left(per_caller, self._buckets[policy_id][caller])
    if in_all.capacity != 0:
        of_all = token_bucket._left(in_all, self._bucket_in_all[policy_id])
    return of_caller, of_all


@view
@external
def retry_after_s(policy_id: uint256, caller: address) -> uint256:
    per_caller: IAccessPolicy.Limit = empty(IAccessPolicy.Limit)
    in_all: IAccessPolicy.Limit = empty(IAccessPolicy.Limit)
    per_caller, in_all = self._unpack_limits(policy_id)
    wait_s: uint256 = 0
    if per_caller.capacity != 0:
        wait_s = token_bucket._wait_s(per_caller, self._buckets[policy_id][caller])
    if in_all.capacity != 0:
        wait_s = max(wait_s, token_bucket._wait_s(in_all, self._bucket_in_all[policy_id]))
    return wait_s


# --- internal ---


@view
@internal
def _admission(policy_id: uint256, caller: address) -> (String[40], uint256, uint256):
    """
    @notice Why a caller is not admitted now, or empty; and the words of his bucket and of that of all
            once he is, 0 where there is no limit.
    """
    if policy_id == 0:
        return "", 0, 0
    reason: String[40] = self._standing(policy_id, caller)
    if reason != "" or self._heads[policy_id] & HAS_LIMITS == 0:
        return reason, 0, 0
    per_caller: IAccessPolicy.Limit = empty(IAccessPolicy.Limit)
    in_all: IAccessPolicy.Limit = empty(IAccessPolicy.Limit)
    per_caller, in_all = self._unpack_limits(policy_id)
    of_caller: uint256 = 0
    of_all: uint256 = 0
    if per_caller.capacity != 0:
        of_caller = token_bucket._taken(per_caller, self._buckets[policy_id][caller])
        if of_caller == 0:
            return "policy: limit of the caller is reached", 0, 0
    if in_all.capacity != 0:
        of_all = token_bucket._taken(in_all, self._bucket_in_all[policy_id])
        if of_all == 0:
            return "policy: limit of all is reached", 0, 0
    return "", of_caller, of_all


@view
@internal
def _standing(policy_id: uint256, caller: address) -> String[40]:
    """
    @notice Why a caller may not ask, however seldom; empty if he may. Total: it never reverts.
    """
    if policy_id == 0:
        return ""
    head: uint256 = self._heads[policy_id]
    if head == 0:
        return "policy: unknown policy"
    alliance: address = self._address(head)
    mode: IAccessPolicy.Mode = self._mode(head)
    if mode == IAccessPolicy.Mode.MEMBERS:
        device: address = self.device_named[alliance][caller]
        if device == empty(address) or not self._makes_member(alliance, device, caller):
            return "policy: caller is not a member"
    elif mode == IAccessPolicy.Mode.LISTED:
        if not self.is_listed[policy_id][caller]:
            return "policy: caller is not on the list"
    elif mode == IAccessPolicy.Mode.HOLDERS or mode == IAccessPolicy.Mode.VOTERS:
        if not self._holds_enough(self._authorities[policy_id], mode, caller):
            return "policy: caller holds too little"
    elif mode == IAccessPolicy.Mode.BEARERS:
        issuer: address = self._address(self._authorities[policy_id])
        fault: String[40] = credentials._fault(issuer, alliance, caller)
        if fault != "":
            return fault
    if head & HAS_TERMS != 0:
        if self.accepted_at[alliance][self._terms_hash[policy_id]][caller] == 0:
            return "policy: terms are not accepted"
    return ""


@view
@internal
def _makes_member(alliance: address, device: address, caller: address) -> bool:
    # Two questions, so that neither a sensor sold nor one put out goes on counting.
    if not staticcall DEVICES.is_admitted(alliance, device):
        return False
    record: IDeviceRegistry.Device = staticcall DEVICES.device(device)
    return record.owner == caller


@view
@internal
def _holds_enough(authority: uint256, mode: IAccessPolicy.Mode, caller: address) -> bool:
    """
    @dev A token that reverts, or answers with anything but a word, counts for nothing: the answer is
         that of a stranger. Votes are those of a second ago, which no loan within a call can lend.
    """
    question: Bytes[68] = abi_encode(caller, method_id=method_id("balanceOf(address)"))
    if mode == IAccessPolicy.Mode.VOTERS:
        question = abi_encode(
            caller, block.timestamp - 1, method_id=method_id("getPastVotes(address,uint256)")
        )
    success: bool = False
    answer: Bytes[32] = b""
    success, answer = raw_call(
        self._address(authority),
        question,
        max_outsize=32,
        is_static_call=True,
        revert_on_failure=False,
    )
    return success and len(answer) == 32 and convert(answer, uint256) >= authority >> 160


@internal
def _accept(alliance: address, terms_hash: bytes32, caller: address):
    assert terms_hash != empty(bytes32), "accept: no terms"
    assert self.accepted_at[alliance][terms_hash][caller] == 0, "accept: accepted already"
    self.accepted_at[alliance][terms_hash][caller] = block.timestamp
    log IAccessPolicy.TermsAccepted(alliance=alliance, terms_hash=terms_hash, caller=caller)


@view
@internal
def _check_rules(rules: IAccessPolicy.Rules):
    mode: IAccessPolicy.Mode = rules.mode
    assert self._is_one(convert(mode, uint256)), "create_policy: choose one mode"
    assert self._is_one(
        convert(rules.distribution, uint256)
    ), "create_policy: choose what is public"
    if mode == IAccessPolicy.Mode.HOLDERS or mode == IAccessPolicy.Mode.VOTERS:
        assert rules.authority.is_contract, "create_policy: no token"
        assert rules.threshold != 0, "create_policy: threshold is zero"
        assert rules.threshold <= UINT96, "create_policy: threshold too high"
    else:
        assert rules.threshold == 0, "create_policy: no token to count"
        needs_issuer: bool = mode == IAccessPolicy.Mode.BEARERS
        has_issuer: bool = rules.authority != empty(address)
        assert needs_issuer == has_issuer, "create_policy: issuer and mode disagree"
    self._check_limit(rules.per_caller)
    self._check_limit(rules.in_all)
    has_terms: bool = rules.terms_hash != empty(bytes32)
    assert has_terms == (len(rules.terms_cid) != 0), "create_policy: half of the terms"


@pure
@internal
def _check_limit(limit: IAccessPolicy.Limit):
    if limit.capacity == 0:
        assert limit.refill == 0 and limit.period_s == 0, "limit: refill without capacity"
        return
    assert limit.capacity <= UINT32, "limit: capacity too large"
    # A bucket that never fills again would be no rate, and have no time to wait for.
    assert limit.refill != 0 and limit.refill <= UINT32, "limit: refill out of bounds"
    assert limit.period_s != 0 and limit.period_s <= MAX_PERIOD_S, "limit: period out of bounds"


@pure
@internal
def _is_one(flags: uint256) -> bool:
    return flags != 0 and flags & (flags - 1) == 0


@view
@internal
def _unpack_limits(policy_id: uint256) -> (IAccessPolicy.Limit, IAccessPolicy.Limit):
    limits: uint256 = self._limits[policy_id]
    return token_bucket._unpack(limits), token_bucket._unpack(limits >> token_bucket.LIMIT_BITS)


@pure
@internal
def _mode(head: uint256) -> IAccessPolicy.Mode:
    return convert((head >> MODE_AT) & 255, IAccessPolicy.Mode)


@pure
@internal
def _address(word: uint256) -> address:
    """
    @notice The address in the low 160 bits of a packed word.
    """
    return convert(word & UINT160, address)
