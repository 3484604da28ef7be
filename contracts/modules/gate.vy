# pragma version 0.4.3
"""
@title gate: which versions may become production
@license Apache-2.0
@notice An alliance says by which evaluation a version of its model is let into production: on which validation
        set, by which loss, below which bound. Anyone then shows the registry an evaluation that meets the rule
        and outlived its window. A version that stood in production after passing may come back, whatever the
        rule has become. A deprecated version never does.
@dev A part of ModelRegistry, whose header has the invariants: here are MODEL-8 and MODEL-9. The registry checks
     who calls, and that a version exists.
"""

from ..interfaces import IEvaluations
from ..interfaces import IModelRegistry
from . import losses

MAX_WINDOW_S: constant(uint256) = 7 * 86_400  # an evaluation's
MAX_LOCK_WEI: constant(uint256) = 2**96 - 1  # an evaluation's
# Above the largest loss of a row, and so below overflow when multiplied by rows.
MAX_MEAN_LOSS: constant(uint256) = 2**64
MAX_RULES: constant(uint256) = 2**32 - 1
WAS_PRODUCTION: constant(uint256) = 1 << 96
IS_DEPRECATED: constant(uint256) = 1 << 97

EVALUATIONS: public(immutable(IEvaluations))

# Model id -> how many rules it has had; _set_rule writes it.
_n_rules: HashMap[uint256, uint256]
# Model id -> the rule in force; _set_rule writes it.
_rules: HashMap[uint256, IModelRegistry.EvaluationRule]
# Model id -> what names a validation set -> whether the alliance accepts evaluations on it.
_is_accepted: HashMap[uint256, HashMap[bytes32, bool]]
# Model id -> version -> rule that it last passed (u32), by which evaluation (u64), was made production after it
# had passed one, is deprecated, from the low end. Version 0 is the model itself.
_standing: HashMap[uint256, HashMap[uint256, uint256]]


@deploy
def __init__(evaluations: IEvaluations):
    """
    @param evaluations Where evaluations are judged.
    """
    assert evaluations.address != empty(address), "gate: evaluations is zero"
    EVALUATIONS = evaluations


# --- anyone ---


@external
def qualify(evaluation_id: uint256):
    evaluation: IEvaluations.Evaluation = staticcall EVALUATIONS.evaluation(evaluation_id)
    assert staticcall EVALUATIONS.stands(evaluation_id), "qualify: evaluation does not stand"
    model_id: uint256 = evaluation.model_id
    rule_id: uint256 = self._n_rules[model_id]
    assert rule_id != 0, "qualify: model has no rule"
    rule: IModelRegistry.EvaluationRule = self._rules[model_id]
    assert evaluation.loss_kind == rule.loss_kind, "qualify: another kind of loss"
    root: bytes32 = evaluation.validation_root
    if rule.validation_root == empty(bytes32):
        assert self._is_accepted[model_id][root], "qualify: set is not the alliance's"
    else:
        assert root == rule.validation_root, "qualify: another validation set"
    assert evaluation.window_s >= rule.window_s, "qualify: window too short"
    assert evaluation.lock_wei >= rule.lock_wei, "qualify: lock too small"
    good: bool = evaluation.total_loss <= rule.max_mean_loss * evaluation.n_rows
    assert good, "qualify: loss above the threshold"

    kept: uint256 = self._standing[model_id][evaluation.version] & (WAS_PRODUCTION | IS_DEPRECATED)
    # Evaluations are counted one by one: their ids fit 64 bits.
    self._standing[model_id][evaluation.version] = kept | rule_id | (evaluation_id << 32)
    log IModelRegistry.VersionQualified(
        model_id=model_id,
        version=evaluation.version,
        evaluation_id=evaluation_id,
        rule_id=rule_id,
    )


# --- views ---


@view
@external
def evaluation_rule(model_id: uint256) -> (uint256, IModelRegistry.EvaluationRule):
    return self._n_rules[model_id], self._rules[model_id]


@view
@external
def is_accepted_set(model_id: uint256, validation_root: bytes32) -> bool:
    return self._is_accepted[model_id][validation_root]


@view
@external
def standing(model_id: uint256, version: uint256) -> IModelRegistry.Standing:
    packed: uint256 = self._standing[model_id][version]
    return IModelRegistry.Standing(
        rule_id=packed & MAX_RULES,
        evaluation_id=(packed >> 32) & (2**64 - 1),
        was_production=packed & WAS_PRODUCTION != 0,
        is_deprecated=self._is_deprecated(model_id, version),
    )


@view
@external
def may_promote(model_id: uint256, version: uint256) -> bool:
    return not self._is_deprecated(model_id, version) and self._is_let_in(
        model_id, self._standing[model_id][version]
    )


# --- internal ---


@internal
def _set_rule(model_id: uint256, rule: IModelRegistry.EvaluationRule):
    assert losses._is_kind(rule.loss_kind), "set_rule: unknown kind of loss"
    assert rule.max_mean_loss <= MAX_MEAN_LOSS, "set_rule: threshold too large"
    # A rule that no evaluation can meet is a mistake, not a decision.
    assert rule.window_s <= MAX_WINDOW_S, "set_rule: window too long"
    assert rule.lock_wei <= MAX_LOCK_WEI, "set_rule: lock too large"
    self._begin_rule(model_id, rule)


@internal
def _begin_rule(model_id: uint256, rule: IModelRegistry.EvaluationRule):
    rule_id: uint256 = self._n_rules[model_id] + 1
    assert rule_id <= MAX_RULES, "set_rule: too many rules"
    self._n_rules[model_id] = rule_id
    self._rules[model_id] = rule
    log IModelRegistry.EvaluationRuleSet(
        model_id=model_id,
        rule_id=rule_id,
        is_required=rule.is_required,
        validation_root=rule.validation_root,
        loss_kind=rule.loss_kind,
        max_mean_loss=rule.max_mean_loss,
        window_s=rule.window_s,
        lock_wei=rule.lock_wei,
    )


@internal
def _accept_set(model_id: uint256, validation_root: bytes32, cid: Bytes[36], accepted: bool):
    """
    @dev What passed on a set that is no longer accepted has not passed the rule as it is now: the same rule begins
         anew, unless it names its set itself.
    """
    assert validation_root != empty(bytes32), "accept_set: root is zero"
    was_accepted: bool = self._is_accepted[model_id][validation_root]
    self._is_accepted[model_id][validation_root] = accepted
    log IModelRegistry.ValidationSetAccepted(
        model_id=model_id, validation_root=validation_root, cid=cid, accepted=accepted
    )
    if was_accepted and not accepted and self._n_rules[model_id] != 0:
        rule: IModelRegistry.EvaluationRule = self._rules[model_id]
        if rule.validation_root == empty(bytes32):
            self._begin_rule(model_id, rule)


@internal
def _promote(model_id: uint256, version: uint256):
    """
    @notice Let a version into production, or revert; what let it in is in the event.
    """
    assert not self._is_deprecated(model_id, version), "set_alias: version is deprecated"
    packed: uint256 = self._standing[model_id][version]
    assert self._is_let_in(model_id, packed), "set_alias: no evaluation lets it in"
    if packed & MAX_RULES != 0:
        self._standing[model_id][version] = packed | WAS_PRODUCTION
    log IModelRegistry.VersionPromoted(
        model_id=model_id,
        version=version,
        evaluation_id=(packed >> 32) & (2**64 - 1),
        rule_id=packed & MAX_RULES,
    )


@view
@internal
def _is_let_in(model_id: uint256, packed: uint256) -> bool:
    if not self._rules[model_id].is_required:
        return True
    passed: uint256 = packed & MAX_RULES
    if passed == self._n_rules[model_id]:
        return True
    return passed != 0 and packed & WAS_PRODUCTION != 0


@internal
def _deprecate(model_id: uint256, version: uint256, reason: String[128]):
    assert len(reason) > 0, "deprecate: no reason"
    packed: uint256 = self._standing[model_id][version]
    assert packed & IS_DEPRECATED == 0, "deprecate: deprecated already"
    self._standing[model_id][version] = packed | IS_DEPRECATED
    log IModelRegistry.Deprecated(model_id=model_id, version=version, reason=reason)


@view
@internal
def _is_deprecated(model_id: uint256, version: uint256) -> bool:
    both: uint256 = self._standing[model_id][version] | self._standing[model_id][0]
    return both & IS_DEPRECATED != 0
