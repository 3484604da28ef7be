"""What contracts hold and say, as Python sees it. Names and units are those of the interfaces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, IntFlag

from cairn.domain.policy import UNLIMITED, Limit

NATIVE_COIN = "0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE"
"""The native coin, where a currency is named (ERC-7528)."""

ZERO_ADDRESS = "0x0000000000000000000000000000000000000000"


class BatchState(IntFlag):
    OPEN = 1
    MATURE = 2
    VOID = 4


class PacketFormat(IntFlag):
    """How a device's packets are decoded."""

    CURRENT = 1
    UNSIGNED_TEMPERATURE = 2


class Status(IntFlag):
    """Where a request stands. 0: there is no such request."""

    NONE = 0
    OPEN = 1
    ANSWERED = 2
    SETTLED = 4
    REFUNDED = 8
    SLASHED = 16


class Mode(IntFlag):
    """Who may ask, by a policy."""

    OPEN = 1
    MEMBERS = 2
    LISTED = 4
    HOLDERS = 8
    VOTERS = 16
    BEARERS = 32


class Distribution(IntFlag):
    """To whom a policy lets weights be given."""

    ANYONE = 1
    ADMITTED = 2


class Phase(IntFlag):
    """Where a round stands. 0: there is no such round."""

    NONE = 0
    OPEN = 1
    AGGREGATED = 2
    FINALIZED = 4
    CANCELLED = 8


class EvaluationState(IntFlag):
    """Where an evaluation stands. 0: there is no such evaluation."""

    NONE = 0
    OPEN = 1
    STANDS = 2
    VOID = 4


class ProposalState(IntEnum):
    """OpenZeppelin's numbering."""

    PENDING = 0
    ACTIVE = 1
    CANCELED = 2
    DEFEATED = 3
    SUCCEEDED = 4
    QUEUED = 5
    EXPIRED = 6
    EXECUTED = 7


class Support(IntEnum):
    AGAINST = 0
    FOR = 1
    ABSTAIN = 2


# --- structs ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Device:
    owner: str
    format: PacketFormat
    period_s: int
    confirmed_at: int
    is_revoked: bool

    def __post_init__(self) -> None:
        object.__setattr__(self, "format", PacketFormat(self.format))


@dataclass(frozen=True, slots=True)
class Batch:
    alliance: str
    device: str
    owner: str
    count: int
    first_timestamp: int
    last_timestamp: int
    anchored_at: int
    draw_block: int
    state: BatchState

    def __post_init__(self) -> None:
        object.__setattr__(self, "state", BatchState(self.state))


@dataclass(frozen=True, slots=True)
class Model:
    alliance: str
    share_token: str
    currency: str
    name: str
    schema_hash: bytes
    schema_cid: bytes


@dataclass(frozen=True, slots=True)
class Version:
    program_hash: bytes
    program_cid: bytes
    parameters_root: bytes
    data_root: bytes
    card_cid: bytes
    parent: int
    round_id: int
    registered_at: int


@dataclass(frozen=True, slots=True)
class Terms:
    model_id: int
    version: int
    program_hash: bytes
    n_features: int
    price: int
    operator_bps: int
    holders_bps: int
    window_s: int
    lock_wei: int
    policy_id: int = 0


@dataclass(frozen=True, slots=True)
class Rules:
    """What an access policy says; the limits are token buckets, as `cairn.domain.policy` counts."""

    mode: Mode
    authority: str = ZERO_ADDRESS
    threshold: int = 0
    per_caller: Limit = UNLIMITED
    in_all: Limit = UNLIMITED
    distribution: Distribution = Distribution.ANYONE
    terms_hash: bytes = bytes(32)
    terms_cid: bytes = b""

    def __post_init__(self) -> None:
        object.__setattr__(self, "mode", Mode(self.mode))
        object.__setattr__(self, "distribution", Distribution(self.distribution))
        for name in ("per_caller", "in_all"):
            limit = getattr(self, name)
            if isinstance(limit, Mapping):
                object.__setattr__(self, name, Limit(**limit))


@dataclass(frozen=True, slots=True)
class PresentedCredential:
    """The newest credential that a subject showed; serial 0 means none."""

    serial: int
    expires_at: int
    revoked_up_to: int


@dataclass(frozen=True, slots=True)
class Quote:
    """What a caller would pay now; `terms_id` 0 means not for sale."""

    price: int
    currency: str
    terms_id: int


@dataclass(frozen=True, slots=True)
class MarketRequest:
    """A prediction asked for on chain, as InferenceMarket keeps it."""

    requester: str
    terms_id: int
    deadline: int
    status: Status
    features_hash: bytes
    operator: str
    answered_at: int
    outputs_hash: bytes
    made_at: int = 0
    callback: str = ZERO_ADDRESS
    callback_gas: int = 0
    is_displaced: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "status", Status(self.status))


@dataclass(frozen=True, slots=True)
class Root:
    """Answers posted together; `posted_at` is 0 if there is no such root."""

    operator: str
    terms_id: int
    posted_at: int
    n_leaves: int
    output_bytes: int
    n_slashed: int
    is_settled: bool


@dataclass(frozen=True, slots=True)
class Plan:
    model_id: int
    base_version: int
    plan_hash: bytes
    plan_cid: bytes
    share_pool: int
    weight_cap: int
    submit_until: int
    aggregate_until: int
    window_s: int
    lock_wei: int


@dataclass(frozen=True, slots=True)
class Update:
    member: str
    root: bytes
    cid: bytes
    weight: int
    data_root: bytes


@dataclass(frozen=True, slots=True)
class Aggregate:
    operator: str
    root: bytes
    cid: bytes
    program_hash: bytes
    program_cid: bytes
    card_cid: bytes
    posted_at: int
    total_weight: int


@dataclass(frozen=True, slots=True)
class Evaluation:
    model_id: int
    version: int
    validation_root: bytes
    n_rows: int
    loss_kind: int
    total_loss: int
    losses_top: bytes
    operator: str
    lock_wei: int
    posted_at: int
    window_s: int
    closes_at: int
    n_open_demands: int
    state: EvaluationState

    def __post_init__(self) -> None:
        object.__setattr__(self, "state", EvaluationState(self.state))


@dataclass(frozen=True, slots=True)
class EvaluationRule:
    """Which evaluation lets a version into production; a zero root: any set the alliance accepts."""

    is_required: bool
    validation_root: bytes
    loss_kind: int
    max_mean_loss: int
    window_s: int
    lock_wei: int


@dataclass(frozen=True, slots=True)
class Standing:
    """The last rule that a version passed, and by which evaluation; 0 for none."""

    rule_id: int
    evaluation_id: int
    was_production: bool
    is_deprecated: bool


# --- events ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DeviceRegistered:
    device: str
    owner: str
    format: PacketFormat
    period_s: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "format", PacketFormat(self.format))


@dataclass(frozen=True, slots=True)
class DeviceTransferred:
    device: str
    owner: str
    new_owner: str


@dataclass(frozen=True, slots=True)
class DeviceRevoked:
    device: str
    owner: str


@dataclass(frozen=True, slots=True)
class DeviceAdmitted:
    alliance: str
    device: str


@dataclass(frozen=True, slots=True)
class DeviceExpelled:
    alliance: str
    device: str


@dataclass(frozen=True, slots=True)
class BatchAnchored:
    batch_id: int
    alliance: str
    device: str
    root: bytes
    count: int
    first_timestamp: int
    last_timestamp: int
    cid: bytes


@dataclass(frozen=True, slots=True)
class AllianceLaunched:
    alliance: str
    launcher: str
    charter: str
    shares: str
    governor: str
    name: str
    symbol: str
    currency: str
    constitution: bytes = b""


@dataclass(frozen=True, slots=True)
class ConstitutionAmended:
    constitution: bytes


@dataclass(frozen=True, slots=True)
class BatchMatured:
    batch_id: int


@dataclass(frozen=True, slots=True)
class BatchVoided:
    batch_id: int
    prover: str
    bounty_wei: int
    burnt_wei: int


@dataclass(frozen=True, slots=True)
class ModelCreated:
    model_id: int
    alliance: str
    share_token: str
    currency: str
    name: str
    schema_hash: bytes
    schema_cid: bytes


@dataclass(frozen=True, slots=True)
class VersionRegistered:
    model_id: int
    version: int
    program_hash: bytes
    program_cid: bytes
    parameters_root: bytes
    data_root: bytes
    card_cid: bytes
    parent: int
    round_id: int


@dataclass(frozen=True, slots=True)
class AliasSet:
    model_id: int
    alias: bytes
    version: int


@dataclass(frozen=True, slots=True)
class TermsSet:
    model_id: int
    terms_id: int
    version: int
    price: int
    operator_bps: int
    holders_bps: int
    window_s: int
    lock_wei: int
    policy_id: int


@dataclass(frozen=True, slots=True)
class PolicyCreated:
    policy_id: int
    alliance: str


@dataclass(frozen=True, slots=True)
class CallerListed:
    policy_id: int
    caller: str
    is_listed: bool


@dataclass(frozen=True, slots=True)
class DeviceNamed:
    alliance: str
    caller: str
    device: str


@dataclass(frozen=True, slots=True)
class TermsAccepted:
    alliance: str
    terms_hash: bytes
    caller: str


@dataclass(frozen=True, slots=True)
class CredentialPresented:
    issuer: str
    alliance: str
    subject: str
    serial: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class CredentialsRevoked:
    issuer: str
    alliance: str
    subject: str
    up_to_serial: int


@dataclass(frozen=True, slots=True)
class SaleEnded:
    model_id: int


@dataclass(frozen=True, slots=True)
class EvaluationRuleSet:
    model_id: int
    rule_id: int
    is_required: bool
    validation_root: bytes
    loss_kind: int
    max_mean_loss: int
    window_s: int
    lock_wei: int


@dataclass(frozen=True, slots=True)
class ValidationSetAccepted:
    model_id: int
    validation_root: bytes
    cid: bytes
    accepted: bool


@dataclass(frozen=True, slots=True)
class VersionQualified:
    model_id: int
    version: int
    evaluation_id: int
    rule_id: int


@dataclass(frozen=True, slots=True)
class VersionPromoted:
    model_id: int
    version: int
    evaluation_id: int  # 0: the vote alone let it in
    rule_id: int


@dataclass(frozen=True, slots=True)
class Deprecated:
    model_id: int
    version: int  # 0: the whole model
    reason: str


@dataclass(frozen=True, slots=True)
class OperatorListed:
    model_id: int
    operator: str
    endpoint: str


@dataclass(frozen=True, slots=True)
class ListingWithdrawn:
    model_id: int
    operator: str


@dataclass(frozen=True, slots=True)
class Tagged:
    tag_hash: bytes
    model_id: int
    tag: str


@dataclass(frozen=True, slots=True)
class Untagged:
    tag_hash: bytes
    model_id: int
    tag: str


@dataclass(frozen=True, slots=True)
class EvaluationPosted:
    evaluation_id: int
    model_id: int
    operator: str
    version: int
    validation_root: bytes
    n_rows: int
    loss_kind: int
    total_loss: int
    losses_top: bytes
    window_s: int
    lock_wei: int
    validation_cid: bytes
    losses_cid: bytes


@dataclass(frozen=True, slots=True)
class RowDemanded:
    evaluation_id: int
    index: int
    demander: str
    due_at: int


@dataclass(frozen=True, slots=True)
class RowShown:
    evaluation_id: int
    index: int
    shown_by: str
    target: int
    features: bytes
    loss: int


@dataclass(frozen=True, slots=True)
class EvaluationVoided:
    evaluation_id: int
    index: int
    bounty_to: str
    loss: int


@dataclass(frozen=True, slots=True)
class EvaluationSettled:
    evaluation_id: int
    operator: str


@dataclass(frozen=True, slots=True)
class ChunkPublished:
    chunk_id: bytes
    kernel: int
    chunk: str


@dataclass(frozen=True, slots=True)
class ProgramPublished:
    program_hash: bytes
    kernel: int
    n_features: int
    n_outputs: int
    gas_bound: int


@dataclass(frozen=True, slots=True)
class Predicted:
    model_id: int
    terms_id: int
    caller: str
    price: int
    features: bytes
    outputs: bytes


@dataclass(frozen=True, slots=True)
class PacketRead:
    """A prediction in the same transaction had its features from a sensor's signed packet."""

    model_id: int
    device: str
    timestamp: int
    packet_hash: bytes


@dataclass(frozen=True, slots=True)
class ChannelsSet:
    model_id: int
    channels: bytes


@dataclass(frozen=True, slots=True)
class Requested:
    request_id: int
    model_id: int
    requester: str
    terms_id: int
    operator: str
    deadline: int
    features: bytes


@dataclass(frozen=True, slots=True)
class Answered:
    request_id: int
    operator: str
    challengeable_until: int
    outputs: bytes


@dataclass(frozen=True, slots=True)
class RootAnswered:
    root_id: bytes
    operator: str
    terms_id: int
    challengeable_until: int
    output_bytes: int
    leaves: bytes


@dataclass(frozen=True, slots=True)
class CallbackAsked:
    request_id: int
    callback: str
    callback_gas: int


@dataclass(frozen=True, slots=True)
class CalledBack:
    request_id: int
    callback: str
    success: bool


@dataclass(frozen=True, slots=True)
class RootSettled:
    root_id: bytes
    operator: str
    n_settled: int
    n_lapsed: int


@dataclass(frozen=True, slots=True)
class Displaced:
    """An older root took the request; the answer of the operator named here is judged on, unpaid."""

    request_id: int
    operator: str


@dataclass(frozen=True, slots=True)
class DisplacedReleased:
    request_id: int
    operator: str


@dataclass(frozen=True, slots=True)
class LeafChallenged:
    root_id: bytes
    request_id: int
    operator: str
    challenger: str
    index: int
    is_refunded: bool
    outputs: bytes


@dataclass(frozen=True, slots=True)
class ReceiptChallenged:
    operator: str
    challenger: str
    model_id: int
    digest: bytes
    outputs: bytes


@dataclass(frozen=True, slots=True)
class Settled:
    request_id: int
    operator: str


@dataclass(frozen=True, slots=True)
class Refunded:
    request_id: int
    requester: str


@dataclass(frozen=True, slots=True)
class Challenged:
    request_id: int
    operator: str
    challenger: str
    outputs: bytes


@dataclass(frozen=True, slots=True)
class Reopened:
    """The answer that was challenged just before is gone: the request may be answered again."""

    request_id: int


@dataclass(frozen=True, slots=True)
class Paid:
    account: str
    currency: str
    amount: int


@dataclass(frozen=True, slots=True)
class Staked:
    operator: str
    amount_wei: int
    stake_wei: int


@dataclass(frozen=True, slots=True)
class UnbondingStarted:
    operator: str
    amount_wei: int
    ready_at: int


@dataclass(frozen=True, slots=True)
class Withdrawn:
    operator: str
    amount_wei: int


@dataclass(frozen=True, slots=True)
class BountyWithdrawn:
    account: str
    amount_wei: int


@dataclass(frozen=True, slots=True)
class OptedIn:
    operator: str
    model_id: int


@dataclass(frozen=True, slots=True)
class OptedOut:
    operator: str
    model_id: int


@dataclass(frozen=True, slots=True)
class MinStakeSet:
    model_id: int
    amount_wei: int


@dataclass(frozen=True, slots=True)
class ReserveDeposited:
    operator: str
    amount_wei: int
    reserve_wei: int


@dataclass(frozen=True, slots=True)
class ReserveUnbondingStarted:
    operator: str
    amount_wei: int
    ready_at: int


@dataclass(frozen=True, slots=True)
class ReserveWithdrawn:
    operator: str
    amount_wei: int


@dataclass(frozen=True, slots=True)
class ReserveSlashed:
    operator: str
    judge: str
    amount_wei: int
    bounty_to: str
    bounty_wei: int


@dataclass(frozen=True, slots=True)
class Slashed:
    operator: str
    judge: str
    amount_wei: int
    bounty_to: str
    bounty_wei: int


@dataclass(frozen=True, slots=True)
class RoundOpened:
    round_id: int
    model_id: int
    alliance: str
    base_version: int
    plan_hash: bytes
    plan_cid: bytes
    share_pool: int
    weight_cap: int
    submit_until: int
    aggregate_until: int
    window_s: int
    lock_wei: int


@dataclass(frozen=True, slots=True)
class UpdateSubmitted:
    round_id: int
    member: str
    root: bytes
    cid: bytes
    weight: int
    batch_ids: tuple[int, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "batch_ids", tuple(self.batch_ids))


@dataclass(frozen=True, slots=True)
class AggregatePosted:
    round_id: int
    operator: str
    root: bytes
    cid: bytes
    program_hash: bytes
    program_cid: bytes
    card_cid: bytes


@dataclass(frozen=True, slots=True)
class RoundFinalized:
    round_id: int
    model_id: int
    version: int


@dataclass(frozen=True, slots=True)
class RoundCancelled:
    round_id: int


@dataclass(frozen=True, slots=True)
class SharesMinted:
    round_id: int
    member: str
    shares: int


@dataclass(frozen=True, slots=True)
class SharesForfeited:
    round_id: int
    member: str
    batch_id: int


@dataclass(frozen=True, slots=True)
class ProposalCreated:
    proposalId: int
    proposer: str
    targets: tuple[str, ...]
    values: tuple[int, ...]
    calldatas: tuple[bytes, ...]
    voteStart: int
    voteEnd: int
    description: str


@dataclass(frozen=True, slots=True)
class ProposalQueued:
    proposalId: int
    etaSeconds: int


@dataclass(frozen=True, slots=True)
class ProposalExecuted:
    proposalId: int


@dataclass(frozen=True, slots=True)
class ProposalCanceled:
    proposalId: int


@dataclass(frozen=True, slots=True)
class ProposalExtended:
    proposalId: int
    extendedDeadline: int


@dataclass(frozen=True, slots=True)
class VoteCast:
    voter: str
    proposalId: int
    support: int
    weight: int
    reason: str


@dataclass(frozen=True, slots=True)
class VoteCastWithParams:
    voter: str
    proposalId: int
    support: int
    weight: int
    reason: str
    params: bytes


# --- what passes between the parts of this package -------------------------------------------


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a contract that changes something: unsigned, without nonce and fees."""

    to: str
    data: bytes
    value: int = 0
    """Native coin sent along, in wei."""
    label: str = ""
    """For people: `InferenceMarket.answer`."""


@dataclass(frozen=True, slots=True)
class Head:
    """The newest block: the chain's clock."""

    number: int
    timestamp: int
    base_fee_wei: int


@dataclass(frozen=True, slots=True)
class Log:
    """One log entry as the node gave it."""

    address: str
    topics: tuple[bytes, ...]
    data: bytes
    block_number: int
    log_index: int
    tx_hash: bytes


@dataclass(frozen=True, slots=True)
class Receipt:
    tx_hash: bytes
    block_number: int
    succeeded: bool
    gas_used: int
    effective_gas_price_wei: int
    logs: tuple[Log, ...] = ()

    @property
    def cost_wei(self) -> int:
        return self.gas_used * self.effective_gas_price_wei


@dataclass(frozen=True, slots=True)
class Fees:
    """What a transaction offers for each gas (EIP-1559)."""

    max_fee_wei: int
    tip_wei: int
