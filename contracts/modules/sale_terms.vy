# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title sale_terms: at what price, in which parts, against which lock
@license Apache-2.0
@notice The terms of sale of all models, counted together. None ever changes; a model's newest are in force
        until its alliance sets others or ends the sale.
@dev A part of ModelRegistry, whose header has the invariants: here are MODEL-2 and MODEL-3. The registry
     checks who calls, which version is sold, and whose the policy is.
"""

from ..interfaces import IModelRegistry
from ..interfaces import IProgramStore
from . import judging

MAX_BPS: constant(uint256) = 10_000
# Long enough for a watcher on a slow line to be heard.
MIN_WINDOW_S: constant(uint256) = 600
# Shorter than unbonding, so that stake never leaves before a window closes.
MAX_WINDOW_S: constant(uint256) = 7 * 86_400
# Half of it, the bounty, pays a challenger's gas at IoTeX's least gas price (276k gas: 0.28 coin) with a margin.
MIN_LOCK_WEI: constant(uint256) = 10**18
# A challenge of an answer without the program, and without what a feature adds: of a leaf of a root, with its
# outputs and its proof.
CHALLENGE_GAS: constant(uint256) = 400_000
# What fits in the packed record, far above any sum that exists.
MAX_LOCK_WEI: constant(uint256) = 2**96 - 1
MAX_PRICE: constant(uint256) = 2**96 - 1
# The terms in force, in the lower half of the word that names a model's terms.
CURRENT: constant(uint256) = 2**128 - 1

PROGRAM_STORE: immutable(IProgramStore)

# How many terms there are; _append writes it.
n_terms: public(uint256)
# Model id -> its last terms (upper half), and those in force (lower half), 0 for none; _append and _end write it.
_of_model: HashMap[uint256, uint256]
# Terms id -> price u96, operator u16, holders u16, window u32, version u32, model u64, from the low end.
_terms: HashMap[uint256, uint256]
# Terms id -> stake that each answer locks in wei u96, features of the program u16, policy id u64, from the
# low end.
_lock_and_access: HashMap[uint256, uint256]
# Terms id -> the program of the terms' version.
_program_hash: HashMap[uint256, bytes32]


@deploy
def __init__(program_store: IProgramStore):
    """
    @param program_store Where programs are published.
    """
    assert program_store.address.is_contract, "registry: no program store"
    PROGRAM_STORE = program_store


# --- views ---


@view
@external
def current_terms(model_id: uint256) -> uint256:
    return self._of_model[model_id] & CURRENT


@view
@external
def last_terms(model_id: uint256) -> uint256:
    return self._of_model[model_id] >> 128


@view
@external
def terms(terms_id: uint256) -> IModelRegistry.Terms:
    # Every record names its model, from 1.
    assert self._terms[terms_id] != 0, "terms: unknown terms"
    return self._unpack(terms_id)


# --- internal ---


@internal
def _end(model_id: uint256):
    self._of_model[model_id] &= ~CURRENT
    log IModelRegistry.SaleEnded(model_id=model_id)


@internal
def _append(terms: IModelRegistry.Terms):
    """
    @notice Put a model's version on sale.
    @param terms Within the bounds above; how many features the program takes is looked up.
    """
    published: bool = staticcall PROGRAM_STORE.is_published(terms.program_hash)
    assert published, "terms: program not published"
    fits: bool = False
    least_wei: uint256 = 0
    n_features: uint256 = 0
    fits, least_wei, n_features = judging._cost(PROGRAM_STORE, terms.program_hash, CHALLENGE_GAS)
    assert fits, "terms: program is too dear to judge"
    assert terms.lock_wei >= least_wei, "terms: lock does not pay a challenge"
    terms_id: uint256 = self.n_terms + 1
    self.n_terms = terms_id
    # Each part was checked against its width where it was set.
    self._terms[terms_id] = (
        terms.price
        | (terms.operator_bps << 96)
        | (terms.holders_bps << 112)
        | (terms.window_s << 128)
        | (terms.version << 160)
        | (terms.model_id << 192)
    )
    self._lock_and_access[terms_id] = (
        terms.lock_wei | (n_features << 96) | (terms.policy_id << 112)
    )
    self._program_hash[terms_id] = terms.program_hash
    self._of_model[terms.model_id] = (terms_id << 128) | terms_id
    log IModelRegistry.TermsSet(
        model_id=terms.model_id,
        terms_id=terms_id,
        version=terms.version,
        price=terms.price,
        operator_bps=terms.operator_bps,
        holders_bps=terms.holders_bps,
        window_s=terms.window_s,
        lock_wei=terms.lock_wei,
        policy_id=terms.policy_id,
    )


@view
@internal
def _unpack(terms_id: uint256) -> IModelRegistry.Terms:
    packed: uint256 = self._terms[terms_id]
    lock_and_access: uint256 = self._lock_and_access[terms_id]
    return IModelRegistry.Terms(
        model_id=packed >> 192,
        version=(packed >> 160) & (2**32 - 1),
        program_hash=self._program_hash[terms_id],
        n_features=(lock_and_access >> 96) & (2**16 - 1),
        price=packed & MAX_PRICE,
        operator_bps=(packed >> 96) & (2**16 - 1),
        holders_bps=(packed >> 112) & (2**16 - 1),
        window_s=(packed >> 128) & (2**32 - 1),
        lock_wei=lock_and_access & MAX_LOCK_WEI,
        policy_id=lock_and_access >> 112,
    )
