# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Evaluations: how good a version is, with stake behind it
@license Apache-2.0
@notice A staked operator says what a version's loss on a validation set is: the total, and a root over the
        losses of all rows. While the window is open anyone may have this contract run the program on one row.
        A row that is wrong, or a sum that does not add up, costs the operator his lock and voids the evaluation.
        Whoever lacks a row or its loss demands it against a bond: it is shown in time, or the evaluation falls. The
        bond goes to whoever showed it if the evaluation stands in the end, and back to the demander if it does not.
@dev EVALUATION-1: what an evaluation says never changes; it ends once, standing or void.
     EVALUATION-2: an open evaluation holds its lock of its operator, one that ended none.
     EVALUATION-3: in its window, an evaluation that is right on a row survives it, one that is wrong falls by it.
     EVALUATION-4: bonds that lie and credits never exceed the contract's balance.
     EVALUATION-5: none stands while a row that was demanded has not been shown.
     EVALUATION-6: the number of rows is that of the validation set: both are named by one root.
@custom:kill Cannot be stopped: no owner, no upgrade.
"""

from ..interfaces import IEvaluations
from ..interfaces import IEvaluator
from ..interfaces import IModelRegistry
from ..interfaces import IProgramStore
from ..interfaces import IStakeLedger
from ..modules import judging
from ..modules import losses
from ..modules import money
from ..modules import row_proofs

implements: IEvaluations


# Word 0 of a header, by the code that holds it: docs/numerics.md, "The file".
interface Header:
    def word(offset: uint256) -> uint256: view


# Long enough for a watcher on a slow line to be heard.
MIN_WINDOW_S: constant(uint256) = 600
# As for an answer.
MAX_WINDOW_S: constant(uint256) = 7 * 86_400
# Demands put the end off up to so many windows: in each a challenger goes down several levels of a tree.
MAX_WINDOWS: constant(uint256) = 8
# A challenge without the program and what a feature adds, at the dearest on IoTeX: 2,900 bytes of proofs in a
# set of 2**20 rows, and what the contracts do.
CHALLENGE_GAS: constant(uint256) = 500_000
# What cross-entropy adds for each output: 59,000 for 16 scores, 847,000 for 248.
GAS_AN_OUTPUT: constant(uint256) = 3_500
MAX_LOCK_WEI: constant(uint256) = 2**96 - 1
# Pays for showing the largest row at IoTeX's least gas price.
DEMAND_BOND_WEI: constant(uint256) = 10**18
# Of code before the header: see ProgramStore.
READER_BYTES: constant(uint256) = 13

REGISTRY: public(immutable(IModelRegistry))
PROGRAM_STORE: public(immutable(IProgramStore))
EVALUATOR: public(immutable(IEvaluator))
LEDGER: public(immutable(IStakeLedger))

# How many evaluations were posted; post writes it.
n_evaluations: public(uint256)
# Evaluation id -> model u64, version u32, kind u8, rows u32, window u32, posted at u40, from the low end; post
# writes it.
_subject: HashMap[uint256, uint256]
# Evaluation id -> what names its validation set; post writes it.
_validation_root: HashMap[uint256, bytes32]
# Evaluation id -> the top of the tree of its losses; post writes it.
_losses_top: HashMap[uint256, bytes32]
# Evaluation id -> operator (160 bits), lock in wei (96), from the low end; post writes it.
_backing: HashMap[uint256, uint256]
# Evaluation id -> total loss u128, closes at u40, open demands u32, state u8, from the low end.
_progress: HashMap[uint256, uint256]
# Evaluation id -> index of a row -> demander (160 bits), due at (40), from the low end; 0 if no bond lies for it.
_demands: HashMap[uint256, HashMap[uint256, uint256]]
# Evaluation id -> index of a row -> who showed it; zero until then. show writes it.
_shown_by: HashMap[uint256, HashMap[uint256, address]]
# Account -> bonds earned or given back, wei; void_unshown, reclaim and withdraw write it.
credit_wei: public(HashMap[address, uint256])


@deploy
def __init__(
    registry: IModelRegistry,
    program_store: IProgramStore,
    evaluator: IEvaluator,
    ledger: IStakeLedger,
):
    """
    @param registry Whose versions are evaluated.
    @param program_store Where their programs are published.
    @param evaluator The judge.
    @param ledger Where operators' stake lies; it must have been told of this contract.
    """
    assert registry.address != empty(address), "evaluations: registry is zero"
    assert program_store.address.is_contract, "evaluations: no program store"
    assert evaluator.address.is_contract, "evaluations: no evaluator"
    assert staticcall ledger.is_judge(self), "evaluations: ledger does not know it"
    REGISTRY = registry
    PROGRAM_STORE = program_store
    EVALUATOR = evaluator
    LEDGER = ledger


# --- operators ---


@external
def post(
    model_id: uint256,
    version: uint256,
    n_rows: uint256,
    validation_top: bytes32,
    loss_kind: uint256,
    total_loss: uint256,
    losses_top: bytes32,
    window_s: uint256,
    lock_wei: uint256,
    validation_cid: Bytes[36],
    losses_cid: Bytes[36],
) -> uint256:
    program_hash: bytes32 = staticcall REGISTRY.program_of(model_id, version)
    assert program_hash != empty(bytes32), "post: unknown version"
    published: bool = staticcall PROGRAM_STORE.is_published(program_hash)
    assert published, "post: program not published"
    assert n_rows != 0 and n_rows <= row_proofs.MAX_ROWS, "post: number of rows out of bounds"
    assert validation_top != empty(bytes32), "post: no validation set"
    assert losses_top != empty(bytes32), "post: no losses"
    assert losses._is_kind(loss_kind), "post: unknown kind of loss"
    assert total_loss <= row_proofs.MAX_SUM, "post: total too large"
    assert window_s >= MIN_WINDOW_S, "post: window too short"
    assert window_s <= MAX_WINDOW_S, "post: window too long"
    fits: bool = False
    least_wei: uint256 = 0
    n_features: uint256 = 0
    challenge_gas: uint256 = CHALLENGE_GAS
    if loss_kind == losses.CROSS_ENTROPY:
        challenge_gas += GAS_AN_OUTPUT * ((self._meta_of(program_hash) >> 176) & 65535)
    fits, least_wei, n_features = judging._cost(PROGRAM_STORE, program_hash, challenge_gas)
    assert fits, "post: program is too dear to judge"
    assert lock_wei >= least_wei, "post: lock does not pay a challenge"
    assert lock_wei <= MAX_LOCK_WEI, "post: lock too large"

    evaluation_id: uint256 = self.n_evaluations + 1
    self.n_evaluations = evaluation_id
    validation_root: bytes32 = row_proofs._set_root(n_rows, validation_top)
    # The registry counts models one by one and bounds versions by 32 bits; the rest was checked.
    self._subject[evaluation_id] = (
        model_id
        | (version << 64)
        | (loss_kind << 96)
        | (n_rows << 104)
        | (window_s << 136)
        | (block.timestamp << 168)
    )
    self._validation_root[evaluation_id] = validation_root
    self._losses_top[evaluation_id] = losses_top
    self._backing[evaluation_id] = convert(msg.sender, uint256) | (lock_wei << 160)
    self._store_progress(
        evaluation_id, total_loss, block.timestamp + window_s, 0, IEvaluations.State.OPEN
    )
    log IEvaluations.EvaluationPosted(
        evaluation_id=evaluation_id,
        model_id=model_id,
        operator=msg.sender,
        version=version,
        validation_root=validation_root,
        n_rows=n_rows,
        loss_kind=loss_kind,
        total_loss=total_loss,
        losses_top=losses_top,
        window_s=window_s,
        lock_wei=lock_wei,
        validation_cid=validation_cid,
        losses_cid=losses_cid,
    )
    extcall LEDGER.lock(msg.sender, lock_wei)
    return evaluation_id


# --- anyone ---


@external
def challenge_row(evaluation_id: uint256, row: IEvaluations.Row, posted: IEvaluations.RowLoss):
    evaluation: IEvaluations.Evaluation = self._load_open(evaluation_id)
    assert block.timestamp <= evaluation.closes_at, "challenge_row: window is over"
    adds_up: bool = self._check_proofs(evaluation, row, posted)
    loss: uint256 = self._loss_of(evaluation, row)
    assert not adds_up or loss != posted.loss, "challenge_row: the row is right"
    self._void(evaluation_id, evaluation, row.index, msg.sender, loss)


@payable
@external
def demand(evaluation_id: uint256, index: uint256):
    evaluation: IEvaluations.Evaluation = self._load_open(evaluation_id)
    assert msg.value == DEMAND_BOND_WEI, "demand: not the bond"
    assert index < evaluation.n_rows, "demand: no such row"
    assert self._demands[evaluation_id][index] == 0, "demand: demanded already"
    assert block.timestamp <= evaluation.closes_at, "demand: window is over"
    due_at: uint256 = block.timestamp + evaluation.window_s
    # What is shown at the last moment can still be challenged.
    closes_at: uint256 = due_at + evaluation.window_s
    last: uint256 = evaluation.posted_at + MAX_WINDOWS * evaluation.window_s
    assert closes_at <= last, "demand: too late to be answered"

    self._demands[evaluation_id][index] = convert(msg.sender, uint256) | (due_at << 160)
    self._store_progress(
        evaluation_id,
        evaluation.total_loss,
        max(closes_at, evaluation.closes_at),
        evaluation.n_open_demands + 1,
        IEvaluations.State.OPEN,
    )
    log IEvaluations.RowDemanded(
        evaluation_id=evaluation_id, index=index, demander=msg.sender, due_at=due_at
    )


@external
def show(evaluation_id: uint256, row: IEvaluations.Row, posted: IEvaluations.RowLoss):
    evaluation: IEvaluations.Evaluation = self._load_open(evaluation_id)
    demander: address = empty(address)
    due_at: uint256 = 0
    demander, due_at = self._demand_of(evaluation_id, row.index)
    assert block.timestamp <= due_at, "show: too late"
    assert self._check_proofs(evaluation, row, posted), "show: the sums do not add up"

    # The bond lies until the evaluation ends: what a liar shows must not pay him.
    self._shown_by[evaluation_id][row.index] = msg.sender
    self._store_progress(
        evaluation_id,
        evaluation.total_loss,
        evaluation.closes_at,
        evaluation.n_open_demands - 1,
        IEvaluations.State.OPEN,
    )
    log IEvaluations.RowShown(
        evaluation_id=evaluation_id,
        index=row.index,
        shown_by=msg.sender,
        target=row.target,
        features=row.features,
        loss=posted.loss,
        steps=posted.steps,
    )


@external
def void_unshown(evaluation_id: uint256, index: uint256):
    evaluation: IEvaluations.Evaluation = self._load_open(evaluation_id)
    demander: address = empty(address)
    due_at: uint256 = 0
    demander, due_at = self._demand_of(evaluation_id, index)
    assert block.timestamp > due_at, "void_unshown: still in time"
    self._give_bond(evaluation_id, index, demander)
    evaluation.n_open_demands -= 1
    self._void(evaluation_id, evaluation, index, demander, 0)


@external
def reclaim(evaluation_id: uint256, index: uint256):
    evaluation: IEvaluations.Evaluation = self._load(evaluation_id)
    assert evaluation.state != IEvaluations.State.OPEN, "reclaim: evaluation has not ended"
    packed: uint256 = self._demands[evaluation_id][index]
    assert packed != 0, "reclaim: no bond lies for the row"
    shown_by: address = self._shown_by[evaluation_id][index]
    # None stands before every row that was demanded is shown.
    bond_to: address = shown_by
    if evaluation.state == IEvaluations.State.VOID:
        bond_to = convert(packed & (2**160 - 1), address)
    self._give_bond(evaluation_id, index, bond_to)
    if shown_by == empty(address):
        self._store_progress(
            evaluation_id,
            evaluation.total_loss,
            evaluation.closes_at,
            evaluation.n_open_demands - 1,
            evaluation.state,
        )


@external
def settle(evaluation_id: uint256):
    evaluation: IEvaluations.Evaluation = self._load_open(evaluation_id)
    assert self._has_outlived(evaluation), "settle: may still be challenged"
    self._store_progress(
        evaluation_id,
        evaluation.total_loss,
        evaluation.closes_at,
        0,
        IEvaluations.State.STANDS,
    )
    log IEvaluations.EvaluationSettled(evaluation_id=evaluation_id, operator=evaluation.operator)
    extcall LEDGER.release(evaluation.operator, evaluation.lock_wei)


@external
def withdraw():
    amount_wei: uint256 = self.credit_wei[msg.sender]
    assert amount_wei > 0, "evaluations: nothing to withdraw"
    self.credit_wei[msg.sender] = 0
    log IEvaluations.BondWithdrawn(account=msg.sender, amount_wei=amount_wei)
    money._push(money.NATIVE, msg.sender, amount_wei)


# --- views ---


@view
@external
def evaluation(evaluation_id: uint256) -> IEvaluations.Evaluation:
    return self._load(evaluation_id)


@view
@external
def stands(evaluation_id: uint256) -> bool:
    evaluation: IEvaluations.Evaluation = self._load(evaluation_id)
    if evaluation.state == IEvaluations.State.OPEN:
        return self._has_outlived(evaluation)
    return evaluation.state == IEvaluations.State.STANDS


@view
@external
def demand_of(evaluation_id: uint256, index: uint256) -> (address, uint256):
    """
    @notice Who demanded a row, and until when it may be shown; reverts if nobody waits for it.
    """
    return self._demand_of(evaluation_id, index)


@pure
@external
def row_loss(loss_kind: uint256, meta: uint256, outputs: Bytes[1024], target: int256) -> uint256:
    assert losses._is_kind(loss_kind), "row_loss: unknown kind of loss"
    return losses._row_loss(loss_kind, meta, outputs, target)


@pure
@external
def demand_bond_wei() -> uint256:
    return DEMAND_BOND_WEI


# --- internal ---


@view
@internal
def _check_proofs(
    evaluation: IEvaluations.Evaluation, row: IEvaluations.Row, posted: IEvaluations.RowLoss
) -> bool:
    """
    @notice Check that the row is in the validation set and its loss in the evaluation.
    @return adds_up Whether the sums above the loss add up to the total.
    """
    in_place: bool = False
    top: bytes32 = empty(bytes32)
    in_place, top = row_proofs._top_of_row(row, evaluation.n_rows)
    assert in_place, "row: proof of another place"
    root: bytes32 = row_proofs._set_root(evaluation.n_rows, top)
    assert root == evaluation.validation_root, "row: not in the validation set"
    adds_up: bool = False
    in_place, top, adds_up = row_proofs._top_of_loss(
        row.index, posted, evaluation.n_rows, evaluation.total_loss
    )
    assert in_place, "loss: proof of another place"
    assert top == evaluation.losses_top, "loss: not what was posted"
    return adds_up


@view
@internal
def _loss_of(evaluation: IEvaluations.Evaluation, row: IEvaluations.Row) -> uint256:
    """
    @dev A program that runs out of gas reverts here, and so decides nothing.
    """
    program_hash: bytes32 = staticcall REGISTRY.program_of(evaluation.model_id, evaluation.version)
    outputs: Bytes[1024] = staticcall EVALUATOR.evaluate(program_hash, row.features)
    meta: uint256 = self._meta_of(program_hash)
    return losses._row_loss(evaluation.loss_kind, meta, outputs, row.target)


@view
@internal
def _meta_of(program_hash: bytes32) -> uint256:
    header: Header = Header(staticcall PROGRAM_STORE.header_of(program_hash))
    return staticcall header.word(READER_BYTES)


@internal
def _void(
    evaluation_id: uint256,
    evaluation: IEvaluations.Evaluation,
    index: uint256,
    bounty_to: address,
    loss: uint256,
):
    self._store_progress(
        evaluation_id,
        evaluation.total_loss,
        evaluation.closes_at,
        evaluation.n_open_demands,
        IEvaluations.State.VOID,
    )
    log IEvaluations.EvaluationVoided(
        evaluation_id=evaluation_id, index=index, bounty_to=bounty_to, loss=loss
    )
    extcall LEDGER.slash(evaluation.operator, evaluation.lock_wei, bounty_to)


@internal
def _give_bond(evaluation_id: uint256, index: uint256, bond_to: address):
    self._demands[evaluation_id][index] = 0
    self.credit_wei[bond_to] += DEMAND_BOND_WEI


@view
@internal
def _demand_of(evaluation_id: uint256, index: uint256) -> (address, uint256):
    packed: uint256 = self._demands[evaluation_id][index]
    is_shown: bool = self._shown_by[evaluation_id][index] != empty(address)
    assert packed != 0 and not is_shown, "evaluations: row is not demanded"
    return convert(packed & (2**160 - 1), address), packed >> 160


@view
@internal
def _has_outlived(evaluation: IEvaluations.Evaluation) -> bool:
    return block.timestamp > evaluation.closes_at and evaluation.n_open_demands == 0


@internal
def _store_progress(
    evaluation_id: uint256,
    total_loss: uint256,
    closes_at: uint256,
    n_open_demands: uint256,
    state: IEvaluations.State,
):
    # Each row is demanded once at a time, and there are at most 2**20.
    self._progress[evaluation_id] = (
        total_loss | (closes_at << 128) | (n_open_demands << 168) | (convert(state, uint256) << 200)
    )


@view
@internal
def _load_open(evaluation_id: uint256) -> IEvaluations.Evaluation:
    evaluation: IEvaluations.Evaluation = self._load(evaluation_id)
    assert evaluation.state == IEvaluations.State.OPEN, "evaluations: it has ended"
    return evaluation


@view
@internal
def _load(evaluation_id: uint256) -> IEvaluations.Evaluation:
    assert evaluation_id != 0 and evaluation_id <= self.n_evaluations, "evaluations: there is none"
    subject: uint256 = self._subject[evaluation_id]
    backing: uint256 = self._backing[evaluation_id]
    progress: uint256 = self._progress[evaluation_id]
    return IEvaluations.Evaluation(
        model_id=subject & (2**64 - 1),
        version=(subject >> 64) & (2**32 - 1),
        validation_root=self._validation_root[evaluation_id],
        n_rows=(subject >> 104) & (2**32 - 1),
        loss_kind=(subject >> 96) & (2**8 - 1),
        total_loss=progress & (2**128 - 1),
        losses_top=self._losses_top[evaluation_id],
        operator=convert(backing & (2**160 - 1), address),
        lock_wei=backing >> 160,
        posted_at=subject >> 168,
        window_s=(subject >> 136) & (2**32 - 1),
        closes_at=(progress >> 128) & (2**40 - 1),
        n_open_demands=(progress >> 168) & (2**32 - 1),
        state=convert(progress >> 200, IEvaluations.State),
    )
