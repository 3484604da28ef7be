# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title ModelRegistry: what was learned, what is served, on which terms
@license Apache-2.0
@notice An alliance creates models here. A model is a line of versions, none of which ever changes; an alias
        points at one of them, and where it pointed at any time stays on record. `production` is the version
        that is sold; the terms of sale are append-only, so that a request keeps the terms it was made under.
@dev MODEL-1: a version, once registered, never changes; versions count from 1 without gaps.
     MODEL-2: terms, once set, never change; a model's current terms name its production version.
     MODEL-3: only a version whose program is published is sold: every answer can be judged.
     MODEL-4: only a model's alliance moves its aliases and sets its terms.
     MODEL-5: version_at(model, alias, t) never changes for a t in the past.
     MODEL-6: a model's shares name its alliance as their timelock, so that nobody mints another's shares.
     MODEL-7: terms name no policy, or one of the model's own alliance.
     MODEL-8: while a model's rule requires it, only a version that passed the rule in force, or that stood in
     production after it passed an earlier one, becomes production; a model without such a rule says so.
     MODEL-9: what is deprecated is not on sale and never becomes production; nothing takes it back.
     MODEL-10: a listing that is shown as backed is of an operator who serves the model with stake.
     MODEL-11: a model has at most 16 tags, each in one spelling.
@custom:kill Cannot be stopped: no owner, no upgrade. An alliance ends the sale of its model by `end_sale`.
"""

from ..interfaces import IAccessPolicy
from ..interfaces import IEvaluations
from ..interfaces import IModelRegistry
from ..interfaces import IProgramStore
from ..interfaces import IShareToken
from ..interfaces import IStakeLedger
from ..modules import discovery
from ..modules import gate
from ..modules import sale_terms

implements: IModelRegistry
initializes: gate
initializes: discovery
initializes: sale_terms

exports: (
    gate.EVALUATIONS,
    gate.qualify,
    gate.evaluation_rule,
    gate.is_accepted_set,
    gate.standing,
    gate.may_promote,
    discovery.LEDGER,
    discovery.withdraw_listing,
    discovery.listing,
    discovery.has_tag,
    discovery.n_tags,
    sale_terms.n_terms,
    sale_terms.current_terms,
    sale_terms.last_terms,
    sale_terms.terms,
)


# The alias that is sold, as ASCII padded with zeros.
PRODUCTION: constant(bytes32) = 0x70726f64756374696f6e00000000000000000000000000000000000000000000
# What fits in the packed record.
MAX_VERSIONS: constant(uint256) = 2**32 - 1

# The contract whose finalized rounds register versions.
ROUNDS: immutable(address)
# Where policies are, and whose they are.
ACCESS_POLICY: public(immutable(IAccessPolicy))

# How many models there are; create_model writes it.
n_models: public(uint256)
# Model id -> its record; create_model writes it.
_models: HashMap[uint256, IModelRegistry.Model]
# Model id -> how many versions it has; register_version writes it.
_n_versions: HashMap[uint256, uint256]
# Model id -> version -> its record; register_version writes it.
_versions: HashMap[uint256, HashMap[uint256, IModelRegistry.Version]]
# Model id -> alias -> how often it was moved; set_alias writes it.
_n_moves: HashMap[uint256, HashMap[bytes32, uint256]]
# Model id -> alias -> index -> unix seconds (upper half), version (lower half); set_alias writes it.
_moves: HashMap[uint256, HashMap[bytes32, HashMap[uint256, uint256]]]


@deploy
def __init__(
    rounds: address,
    program_store: IProgramStore,
    access_policy: IAccessPolicy,
    evaluations: IEvaluations,
    ledger: IStakeLedger,
):
    """
    @param rounds The TrainingRounds contract, which may register versions.
    @param program_store Where programs are published.
    @param access_policy Where the policies are that terms name.
    @param evaluations Where evaluations are judged.
    @param ledger Where operators' stake lies.
    """
    gate.__init__(evaluations)
    discovery.__init__(ledger)
    sale_terms.__init__(program_store)
    assert rounds != empty(address), "registry: rounds is zero"
    assert access_policy.address.is_contract, "registry: no access policy"
    ROUNDS = rounds
    ACCESS_POLICY = access_policy


# --- alliances ---


@external
def create_model(
    name: String[64], share_token: IShareToken, schema_hash: bytes32, schema_cid: Bytes[36]
) -> uint256:
    """
    @notice Create a model. The caller, an alliance's timelock, becomes its alliance for good.
    @param name What people call it.
    @param share_token The alliance's shares: they earn the holders' part of the income.
    @param schema_hash keccak256 of the schema's canonical JSON.
    @param schema_cid Where the schema is.
    @return model_id From 1.
    """
    assert len(name) > 0, "create_model: no name"
    assert schema_hash != empty(bytes32), "create_model: no schema hash"
    assert len(schema_cid) > 0, "create_model: no schema cid"
    # The rounds mint for a model on its shares: they must be the caller's own to give away.
    hands: address = staticcall share_token.timelock()
    assert hands == msg.sender, "create_model: shares of another"
    minter: address = staticcall share_token.rounds()
    assert minter == ROUNDS, "create_model: shares of other rounds"
    currency: address = staticcall share_token.currency()
    assert currency != empty(address), "create_model: no currency"

    model_id: uint256 = self.n_models + 1
    self.n_models = model_id
    self._models[model_id] = IModelRegistry.Model(
        alliance=msg.sender,
        share_token=share_token.address,
        currency=currency,
        name=name,
        schema_hash=schema_hash,
        schema_cid=schema_cid,
    )
    log IModelRegistry.ModelCreated(
        model_id=model_id,
        alliance=msg.sender,
        share_token=share_token.address,
        currency=currency,
        name=name,
        schema_hash=schema_hash,
        schema_cid=schema_cid,
    )
    return model_id


@external
def register_version(
    model_id: uint256,
    program_hash: bytes32,
    program_cid: Bytes[36],
    parameters_root: bytes32,
    data_root: bytes32,
    card_cid: Bytes[36],
    parent: uint256,
    round_id: uint256,
) -> uint256:
    """
    @notice Add a version: the alliance by vote (round 0), or the training rounds on finalizing one.
    @return version From 1.
    """
    if msg.sender == ROUNDS:
        assert round_id != 0, "register: round is zero"
    else:
        self._check_alliance(model_id)
        assert round_id == 0, "register: only rounds name a round"
    assert program_hash != empty(bytes32), "register: no program hash"
    assert len(program_cid) > 0, "register: no program cid"
    version: uint256 = self._n_versions[model_id] + 1
    assert parent < version, "register: unknown parent"
    assert version <= MAX_VERSIONS, "register: too many versions"

    self._n_versions[model_id] = version
    self._versions[model_id][version] = IModelRegistry.Version(
        program_hash=program_hash,
        program_cid=program_cid,
        parameters_root=parameters_root,
        data_root=data_root,
        card_cid=card_cid,
        parent=parent,
        round_id=round_id,
        registered_at=block.timestamp,
    )
    log IModelRegistry.VersionRegistered(
        model_id=model_id,
        version=version,
        program_hash=program_hash,
        program_cid=program_cid,
        parameters_root=parameters_root,
        data_root=data_root,
        card_cid=card_cid,
        parent=parent,
        round_id=round_id,
    )
    return version


@external
def set_alias(model_id: uint256, alias: bytes32, version: uint256):
    """
    @notice Point an alias at a version: a newer one or, to roll back, an earlier one. Moving `production` while
            the model is on sale appends terms that sell the new version at the price in force.
    """
    self._check_alliance(model_id)
    assert alias != empty(bytes32), "set_alias: no alias"
    self._check_version(model_id, version)
    if alias == PRODUCTION:
        gate._promote(model_id, version)

    index: uint256 = self._n_moves[model_id][alias]
    self._n_moves[model_id][alias] = index + 1
    self._moves[model_id][alias][index] = (block.timestamp << 128) | version
    log IModelRegistry.AliasSet(model_id=model_id, alias=alias, version=version)

    terms_id: uint256 = sale_terms._of_model[model_id] & sale_terms.CURRENT
    if alias == PRODUCTION and terms_id != 0:
        terms: IModelRegistry.Terms = sale_terms._unpack(terms_id)
        terms.version = version
        terms.program_hash = self._program_to_sell(model_id, version)
        sale_terms._append(terms)


@external
def set_terms(
    model_id: uint256,
    price: uint256,
    operator_bps: uint256,
    holders_bps: uint256,
    window_s: uint256,
    lock_wei: uint256,
    policy_id: uint256,
):
    """
    @notice Put the production version on sale, or change its terms for requests to come.
    @param price In the alliance's currency, in its smallest unit; 0 makes predictions free.
    @param operator_bps The operator's part of an answered request, of 10,000.
    @param holders_bps The shareholders' part; what is left goes to the treasury.
    @param window_s How long an answer may be challenged, seconds.
    @param lock_wei Stake that each answer locks, in the chain's native coin.
    @param policy_id Who may ask: a policy of the alliance's own, or 0 for anyone, however often.
    """
    self._check_alliance(model_id)
    assert price <= sale_terms.MAX_PRICE, "set_terms: price too high"
    assert operator_bps <= sale_terms.MAX_BPS, "set_terms: operator part above all"
    assert holders_bps <= sale_terms.MAX_BPS - operator_bps, "set_terms: parts above all"
    assert window_s >= sale_terms.MIN_WINDOW_S, "set_terms: window too short"
    assert window_s <= sale_terms.MAX_WINDOW_S, "set_terms: window too long"
    assert lock_wei >= sale_terms.MIN_LOCK_WEI, "set_terms: lock too small"
    assert lock_wei <= sale_terms.MAX_LOCK_WEI, "set_terms: lock too large"
    if policy_id != 0:
        # No policy that there is has an id that does not fit.
        owner: address = staticcall ACCESS_POLICY.alliance_of(policy_id)
        assert owner == msg.sender, "set_terms: policy of another"
    version: uint256 = self._version_at(model_id, PRODUCTION, block.timestamp)
    assert version != 0, "set_terms: no production version"
    sale_terms._append(
        IModelRegistry.Terms(
            model_id=model_id,
            version=version,
            program_hash=self._program_to_sell(model_id, version),
            n_features=0,  # _append looks it up
            price=price,
            operator_bps=operator_bps,
            holders_bps=holders_bps,
            window_s=window_s,
            lock_wei=lock_wei,
            policy_id=policy_id,
        )
    )


@external
def end_sale(model_id: uint256):
    """
    @notice Take a model off sale. Open requests keep their terms and end as usual.
    """
    self._check_alliance(model_id)
    assert sale_terms._of_model[model_id] & sale_terms.CURRENT != 0, "end_sale: not on sale"
    sale_terms._end(model_id)


@external
def set_evaluation_rule(model_id: uint256, rule: IModelRegistry.EvaluationRule):
    """
    @notice Say which evaluation lets a version into production from now on.
    """
    self._check_alliance(model_id)
    gate._set_rule(model_id, rule)


@external
def accept_validation_set(
    model_id: uint256, validation_root: bytes32, cid: Bytes[36], accepted: bool
):
    """
    @notice Name a validation set on which evaluations count, where the rule names none; or stop accepting it.
    """
    self._check_alliance(model_id)
    gate._accept_set(model_id, validation_root, cid, accepted)


@external
def deprecate(model_id: uint256, version: uint256, reason: String[128]):
    """
    @notice Take a version, or with version 0 the whole model, out of use for good. What of it is on sale no
            longer is; open requests keep their terms and end as usual.
    """
    self._check_alliance(model_id)
    if version != 0:
        self._check_version(model_id, version)
    gate._deprecate(model_id, version, reason)
    terms_id: uint256 = sale_terms._of_model[model_id] & sale_terms.CURRENT
    if terms_id != 0 and (version == 0 or sale_terms._unpack(terms_id).version == version):
        sale_terms._end(model_id)


@external
def tag(model_id: uint256, tags: DynArray[String[32], 16]):
    """
    @notice Add tags by which the model is found. Those that it has already stay.
    """
    self._check_alliance(model_id)
    discovery._tag(model_id, tags)


@external
def untag(model_id: uint256, tags: DynArray[String[32], 16]):
    """
    @notice Take tags away.
    """
    self._check_alliance(model_id)
    discovery._untag(model_id, tags)


# --- operators ---


@external
def list_endpoint(model_id: uint256, endpoint: String[128]):
    """
    @notice Say where the caller, who serves a model with stake, answers for it. Again: somewhere else.
    """
    self._check_model(model_id)
    discovery._list(model_id, endpoint)


# --- views ---


@view
@external
def model(model_id: uint256) -> IModelRegistry.Model:
    self._check_model(model_id)
    return self._models[model_id]


@view
@external
def version(model_id: uint256, version: uint256) -> IModelRegistry.Version:
    self._check_version(model_id, version)
    return self._versions[model_id][version]


@view
@external
def latest_version(model_id: uint256) -> uint256:
    return self._n_versions[model_id]


@view
@external
def program_of(model_id: uint256, version: uint256) -> bytes32:
    return self._versions[model_id][version].program_hash


@view
@external
def alliance_of(model_id: uint256) -> address:
    """
    @notice The model's alliance; the zero address if there is no such model.
    """
    return self._models[model_id].alliance


@view
@external
def payees(model_id: uint256) -> (address, address, address):
    # Field by field: the whole record would read its strings too.
    return (
        self._models[model_id].currency,
        self._models[model_id].share_token,
        self._models[model_id].alliance,
    )


@view
@external
def terms_and_currency(terms_id: uint256) -> (IModelRegistry.Terms, address):
    """
    @notice Terms, and what their price is in, in one call.
    """
    packed: IModelRegistry.Terms = sale_terms._unpack(terms_id)
    assert packed.model_id != 0, "terms: no such terms"
    return packed, self._models[packed.model_id].currency


@view
@external
def sale(model_id: uint256) -> IModelRegistry.Sale:
    terms_id: uint256 = sale_terms._of_model[model_id] & sale_terms.CURRENT
    if terms_id == 0:
        return empty(IModelRegistry.Sale)
    return IModelRegistry.Sale(
        terms_id=terms_id,
        terms=sale_terms._unpack(terms_id),
        currency=self._models[model_id].currency,
        holders=self._models[model_id].share_token,
        treasury=self._models[model_id].alliance,
    )


@view
@external
def version_at(model_id: uint256, alias: bytes32, timestamp: uint256) -> uint256:
    """
    @notice The version that an alias pointed at, at a time not after now; 0 for none.
    """
    assert timestamp <= block.timestamp, "version_at: in the future"
    return self._version_at(model_id, alias, timestamp)


# --- internal ---


@view
@internal
def _check_model(model_id: uint256):
    assert self._models[model_id].alliance != empty(address), "registry: unknown model"


@view
@internal
def _check_alliance(model_id: uint256):
    self._check_model(model_id)
    assert msg.sender == self._models[model_id].alliance, "registry: caller is not alliance"


@view
@internal
def _check_version(model_id: uint256, version: uint256):
    self._check_model(model_id)
    assert version != 0 and version <= self._n_versions[model_id], "registry: unknown version"


@view
@internal
def _version_at(model_id: uint256, alias: bytes32, timestamp: uint256) -> uint256:
    """
    @dev Binary search for the last move not after `timestamp`.
    """
    low: uint256 = 0  # moves below it are not after the timestamp
    high: uint256 = self._n_moves[model_id][alias]  # moves from it on are
    for _: uint256 in range(64):  # halving 2**64 moves
        if low >= high:
            break
        middle: uint256 = (low + high) // 2
        if self._moves[model_id][alias][middle] >> 128 <= timestamp:
            low = middle + 1
        else:
            high = middle
    if low == 0:
        return 0
    return self._moves[model_id][alias][low - 1] & (2**128 - 1)


@view
@internal
def _program_to_sell(model_id: uint256, version: uint256) -> bytes32:
    deprecated: bool = gate._is_deprecated(model_id, version)
    assert not deprecated, "terms: version is deprecated"
    return self._versions[model_id][version].program_hash
