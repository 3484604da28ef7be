"""One small class for each contract of the system. Reads return dataclasses, writes `Call`s."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from typing import Any

from eth_utils.crypto import keccak

from cairn.chain import _types as t
from cairn.chain._contract import Contract
from cairn.chain._types import Call
from cairn.domain.answers import AnswerRoot
from cairn.domain.policy import Acceptance, Credential
from cairn.domain.receipts import Receipt
from cairn.domain.rows import Losses, LossProof, RowProof, ValidationSet


class DeviceRegistry(Contract):
    NAME = "DeviceRegistry"
    EVENTS = (
        t.DeviceRegistered,
        t.DeviceTransferred,
        t.DeviceRevoked,
        t.DeviceAdmitted,
        t.DeviceExpelled,
        t.BatchAnchored,
        t.BatchMatured,
        t.BatchVoided,
    )

    def device(self, device: str) -> t.Device:
        return self._struct(t.Device, "device", device)

    def is_admitted(self, alliance: str, device: str) -> bool:
        return bool(self.read("is_admitted", alliance, device))

    def last_anchored(self, alliance: str, device: str) -> int:
        """The last timestamp of a device's newest batch in an alliance; 0 for none."""
        return int(self.read("last_anchored", alliance, device))

    def batch(self, batch_id: int) -> t.Batch:
        return self._struct(t.Batch, "batch", batch_id)

    def bond_wei(self) -> int:
        return int(self.read("bond_wei"))

    def credit_wei(self, holder: str) -> int:
        """Bonds given back and bounties that `withdraw` would pay."""
        return int(self.read("credit_wei", holder))

    def drawn_leaves(self, batch_id: int) -> list[int]:
        """The leaves to open; reverts until the draw's block, and once the draw has lapsed."""
        return [int(index) for index in self.read("drawn_leaves", batch_id)]

    def register(
        self, device: str, fmt: t.PacketFormat, period_s: int, confirmed_at: int, r: bytes, s: bytes
    ) -> Call:
        return self.call("register", device, int(fmt), period_s, confirmed_at, r, s)

    def register_by_ioid(self, device: str, fmt: t.PacketFormat, period_s: int) -> Call:
        return self.call("register_by_ioid", device, int(fmt), period_s)

    def revoke(self, device: str) -> Call:
        return self.call("revoke", device)

    def admit(self, devices: Sequence[str]) -> Call:
        return self.call("admit", list(devices))

    def expel(self, devices: Sequence[str]) -> Call:
        return self.call("expel", list(devices))

    def anchor_batch(
        self,
        alliance: str,
        device: str,
        root: bytes,
        count: int,
        first_timestamp: int,
        last_timestamp: int,
        cid: bytes,
        *,
        bond_wei: int = 0,
    ) -> Call:
        return self.call(
            "anchor_batch",
            alliance,
            device,
            root,
            count,
            first_timestamp,
            last_timestamp,
            cid,
            value=bond_wei,
        )

    def draw(self, batch_id: int, *, bond_wei: int = 0) -> Call:
        """Keep a batch's draw; one that has lapsed is held anew for another bond."""
        return self.call("draw", batch_id, value=bond_wei)

    def mature_batch(
        self, batch_id: int, openings: Sequence[tuple[bytes, Sequence[bytes]]]
    ) -> Call:
        """`openings`: each drawn leaf's packet and proof, in the order of `drawn_leaves`."""
        return self.call(
            "mature_batch", batch_id, [(packet, list(proof)) for packet, proof in openings]
        )

    def withdraw(self) -> Call:
        return self.call("withdraw")


class AllianceFactory(Contract):
    NAME = "AllianceFactory"
    EVENTS = (t.AllianceLaunched,)

    def charter_of(self, alliance: str) -> str:
        """The charter of an alliance that was launched here; the zero address if it was not."""
        return str(self.read("charter_of", alliance))


class Charter(Contract):
    NAME = "Charter"
    EVENTS = (t.ConstitutionAmended,)

    def constitution(self) -> bytes:
        """Binary CID of the alliance's rules in words; empty if there are none."""
        return bytes(self.read("constitution"))


class ModelRegistry(Contract):
    NAME = "ModelRegistry"
    EVENTS = (
        t.ModelCreated,
        t.VersionRegistered,
        t.AliasSet,
        t.TermsSet,
        t.SaleEnded,
        t.EvaluationRuleSet,
        t.ValidationSetAccepted,
        t.VersionQualified,
        t.VersionPromoted,
        t.Deprecated,
        t.OperatorListed,
        t.ListingWithdrawn,
        t.Tagged,
        t.Untagged,
    )

    def model(self, model_id: int) -> t.Model:
        return self._struct(t.Model, "model", model_id)

    def version(self, model_id: int, version: int) -> t.Version:
        return self._struct(t.Version, "version", model_id, version)

    def latest_version(self, model_id: int) -> int:
        return int(self.read("latest_version", model_id))

    def n_models(self) -> int:
        return int(self.read("n_models"))

    def n_terms(self) -> int:
        return int(self.read("n_terms"))

    def version_at(self, model_id: int, alias: str, timestamp: int) -> int:
        """The version that an alias pointed at, at a time not after now; 0 for none."""
        return int(self.read("version_at", model_id, alias.encode().ljust(32, b"\0"), timestamp))

    def current_terms(self, model_id: int) -> int:
        """The id of the terms in force; 0 if the model is not for sale."""
        return int(self.read("current_terms", model_id))

    def terms(self, terms_id: int) -> t.Terms:
        return self._struct(t.Terms, "terms", terms_id)

    def create_model(
        self, name: str, share_token: str, schema_hash: bytes, schema_cid: bytes
    ) -> Call:
        return self.call("create_model", name, share_token, schema_hash, schema_cid)

    def register_version(
        self,
        model_id: int,
        program_hash: bytes,
        program_cid: bytes,
        parameters_root: bytes,
        data_root: bytes,
        card_cid: bytes,
        parent: int,
        round_id: int = 0,
    ) -> Call:
        return self.call(
            "register_version",
            model_id,
            program_hash,
            program_cid,
            parameters_root,
            data_root,
            card_cid,
            parent,
            round_id,
        )

    def set_alias(self, model_id: int, alias: str, version: int) -> Call:
        return self.call("set_alias", model_id, alias.encode().ljust(32, b"\0"), version)

    def set_terms(
        self,
        model_id: int,
        price: int,
        operator_bps: int,
        holders_bps: int,
        window_s: int,
        lock_wei: int,
        policy_id: int = 0,
    ) -> Call:
        return self.call(
            "set_terms",
            model_id,
            price,
            operator_bps,
            holders_bps,
            window_s,
            lock_wei,
            policy_id,
        )

    def end_sale(self, model_id: int) -> Call:
        return self.call("end_sale", model_id)

    def evaluation_rule(self, model_id: int) -> tuple[int, t.EvaluationRule]:
        """The rule in force and its id, 0 if there was never one: then a vote alone promotes."""
        rule_id, rule = self.read_all("evaluation_rule", model_id)
        return int(rule_id), t.EvaluationRule(**rule)

    def is_accepted_set(self, model_id: int, validation_root: bytes) -> bool:
        return bool(self.read("is_accepted_set", model_id, validation_root))

    def standing(self, model_id: int, version: int) -> t.Standing:
        """What a version has passed; version 0 tells whether the model is deprecated."""
        return self._struct(t.Standing, "standing", model_id, version)

    def may_promote(self, model_id: int, version: int) -> bool:
        """Whether a version may become production now, if the alliance votes so."""
        return bool(self.read("may_promote", model_id, version))

    def listing(self, model_id: int, operator: str) -> tuple[str, bool]:
        """An operator's endpoint for a model, empty for none; whether stake backs it now."""
        endpoint, is_backed = self.read_all("listing", model_id, operator)
        return str(endpoint), bool(is_backed)

    def has_tag(self, model_id: int, tag: str) -> bool:
        return bool(self.read("has_tag", model_id, tag))

    def qualify(self, evaluation_id: int) -> Call:
        return self.call("qualify", evaluation_id)

    def set_evaluation_rule(self, model_id: int, rule: t.EvaluationRule) -> Call:
        return self.call("set_evaluation_rule", model_id, astuple(rule))

    def accept_validation_set(
        self, model_id: int, validation_root: bytes, cid: bytes, accepted: bool = True
    ) -> Call:
        return self.call("accept_validation_set", model_id, validation_root, cid, accepted)

    def deprecate(self, model_id: int, version: int, reason: str) -> Call:
        """Version 0 deprecates the whole model."""
        return self.call("deprecate", model_id, version, reason)

    def tag(self, model_id: int, tags: Sequence[str]) -> Call:
        return self.call("tag", model_id, list(tags))

    def untag(self, model_id: int, tags: Sequence[str]) -> Call:
        return self.call("untag", model_id, list(tags))

    def list_endpoint(self, model_id: int, endpoint: str) -> Call:
        return self.call("list_endpoint", model_id, endpoint)

    def withdraw_listing(self, model_id: int) -> Call:
        return self.call("withdraw_listing", model_id)


class Evaluations(Contract):
    NAME = "Evaluations"
    EVENTS = (
        t.EvaluationPosted,
        t.RowDemanded,
        t.RowShown,
        t.EvaluationVoided,
        t.EvaluationSettled,
    )

    def n_evaluations(self) -> int:
        return int(self.read("n_evaluations"))

    def evaluation(self, evaluation_id: int) -> t.Evaluation:
        return self._struct(t.Evaluation, "evaluation", evaluation_id)

    def stands(self, evaluation_id: int) -> bool:
        """Whether it outlived its window, and every row that was demanded was shown."""
        return bool(self.read("stands", evaluation_id))

    def demand_bond_wei(self) -> int:
        return int(self.read("demand_bond_wei"))

    def credit_wei(self, account: str) -> int:
        """Bonds earned or given back that `withdraw` would pay."""
        return int(self.read("credit_wei", account))

    def post(
        self,
        model_id: int,
        version: int,
        rows: ValidationSet,
        losses: Losses,
        *,
        window_s: int,
        lock_wei: int,
        validation_cid: bytes,
        losses_cid: bytes,
    ) -> Call:
        return self.call(
            "post",
            model_id,
            version,
            len(rows.rows),
            rows.top,
            int(losses.kind),
            losses.total,
            losses.top,
            window_s,
            lock_wei,
            validation_cid,
            losses_cid,
        )

    def challenge_row(self, evaluation_id: int, row: RowProof, posted: LossProof) -> Call:
        return self.call("challenge_row", evaluation_id, row.as_argument(), posted.as_argument())

    def demand(self, evaluation_id: int, index: int, *, bond_wei: int) -> Call:
        return self.call("demand", evaluation_id, index, value=bond_wei)

    def show(self, evaluation_id: int, row: RowProof, posted: LossProof) -> Call:
        return self.call("show", evaluation_id, row.as_argument(), posted.as_argument())

    def void_unshown(self, evaluation_id: int, index: int) -> Call:
        return self.call("void_unshown", evaluation_id, index)

    def reclaim(self, evaluation_id: int, index: int) -> Call:
        return self.call("reclaim", evaluation_id, index)

    def settle(self, evaluation_id: int) -> Call:
        return self.call("settle", evaluation_id)

    def withdraw(self) -> Call:
        return self.call("withdraw")


class AccessPolicy(Contract):
    NAME = "AccessPolicy"
    EVENTS = (
        t.PolicyCreated,
        t.CallerListed,
        t.DeviceNamed,
        t.TermsAccepted,
        t.CredentialPresented,
        t.CredentialsRevoked,
    )

    def n_policies(self) -> int:
        return int(self.read("n_policies"))

    def alliance_of(self, policy_id: int) -> str:
        """Whose policy it is; the zero address if there is no such policy."""
        return str(self.read("alliance_of", policy_id))

    def rules(self, policy_id: int) -> t.Rules:
        return self._struct(t.Rules, "rules", policy_id)

    def reason(self, policy_id: int, caller: str) -> str:
        """Why the market would not sell to a caller now; empty if it would."""
        return str(self.read("reason", policy_id, caller))

    def standing(self, policy_id: int, caller: str) -> str:
        """As `reason`, the limits left aside."""
        return str(self.read("standing", policy_id, caller))

    def left(self, policy_id: int, caller: str) -> tuple[int, int]:
        """Predictions that a caller, and that all together, may buy now; 2**256 - 1 for no limit."""
        of_caller, of_all = self.read_all("left", policy_id, caller)
        return int(of_caller), int(of_all)

    def retry_after_s(self, policy_id: int, caller: str) -> int:
        """Seconds until the limits let a caller through; 0 for now."""
        return int(self.read("retry_after_s", policy_id, caller))

    def is_listed(self, policy_id: int, caller: str) -> bool:
        return bool(self.read("is_listed", policy_id, caller))

    def device_named(self, alliance: str, caller: str) -> str:
        """The sensor by which a caller is a member; the zero address if he named none."""
        return str(self.read("device_named", alliance, caller))

    def accepted_at(self, alliance: str, terms_hash: bytes, caller: str) -> int:
        """When a caller accepted terms of use, unix seconds; 0 if he did not."""
        return int(self.read("accepted_at", alliance, terms_hash, caller))

    def credential(self, issuer: str, alliance: str, subject: str) -> t.PresentedCredential:
        return t.PresentedCredential(*self.read_all("credential", issuer, alliance, subject))

    def create_policy(self, rules: t.Rules) -> Call:
        return self.call("create_policy", astuple(rules))

    def set_listed(self, policy_id: int, callers: Sequence[str], *, is_listed: bool) -> Call:
        return self.call("set_listed", policy_id, list(callers), is_listed)

    def name_device(self, alliance: str, device: str) -> Call:
        return self.call("name_device", alliance, device)

    def accept_terms(self, alliance: str, terms_hash: bytes) -> Call:
        return self.call("accept_terms", alliance, terms_hash)

    def accept_terms_by_signature(self, acceptance: Acceptance, signature: bytes) -> Call:
        return self.call(
            "accept_terms_by_signature",
            acceptance.alliance,
            acceptance.terms_hash,
            acceptance.caller,
            signature,
        )

    def present(self, credential: Credential, signature: bytes) -> Call:
        return self.call(
            "present",
            credential.issuer,
            credential.alliance,
            credential.subject,
            credential.serial,
            credential.expires_at,
            signature,
        )

    def revoke(self, alliance: str, subject: str, up_to_serial: int) -> Call:
        return self.call("revoke", alliance, subject, up_to_serial)


class ProgramStore(Contract):
    NAME = "ProgramStore"
    EVENTS = (t.ChunkPublished, t.ProgramPublished)

    def chunk_of(self, chunk_id: bytes) -> str:
        return str(self.read("chunk_of", chunk_id))

    def is_published(self, program_hash: bytes) -> bool:
        return bool(self.read("is_published", program_hash))

    def n_features(self, program_hash: bytes) -> int:
        """How many features a published program takes; 0 if it is not published."""
        return int(self.read("n_features", program_hash))


class Evaluator(Contract):
    NAME = "Evaluator"

    def evaluate(self, program_hash: bytes, features: bytes) -> bytes:
        """Packed outputs; empty bytes mean `invalid`."""
        return bytes(self.read("evaluate", program_hash, features))


class StakeLedger(Contract):
    NAME = "StakeLedger"
    EVENTS = (
        t.Staked,
        t.UnbondingStarted,
        t.Withdrawn,
        t.BountyWithdrawn,
        t.OptedIn,
        t.OptedOut,
        t.Slashed,
        t.MinStakeSet,
        t.ReserveDeposited,
        t.ReserveUnbondingStarted,
        t.ReserveWithdrawn,
        t.ReserveSlashed,
    )

    def is_serving(self, operator: str, model_id: int) -> bool:
        return bool(self.read("is_serving", operator, model_id))

    def turn_of(self, model_id: int, seed: int, asked_at: int) -> str:
        """The operator on whom a seed falls (`turn_seed`), the zero address if there is none, of
        those who served the model when the minute of `asked_at`, in unix seconds, began."""
        return str(self.read("turn_of", model_id, seed, asked_at))

    def free_wei(self, operator: str) -> int:
        """Stake that neither backs a statement nor unbonds."""
        return int(self.read("free_wei", operator))

    def stake_wei(self, operator: str) -> int:
        return int(self.read("stake_wei", operator))

    def locked_wei(self, operator: str) -> int:
        return int(self.read("locked_wei", operator))

    def unbonding_wei(self, operator: str) -> int:
        return int(self.read("unbonding_wei", operator))

    def unbonding_ready_at(self, operator: str) -> int:
        return int(self.read("unbonding_ready_at", operator))

    def bounty_wei(self, challenger: str) -> int:
        return int(self.read("bounty_wei", challenger))

    def min_stake_wei(self, model_id: int) -> int:
        """The stake without which nobody serves a model."""
        return int(self.read("min_stake_wei", model_id))

    def n_serving(self, model_id: int) -> int:
        return int(self.read("n_serving", model_id))

    def serving(self, model_id: int, first: int = 0, count: int = 100) -> list[str]:
        """Operators who opted into a model, at most 100 from a place in the list."""
        return [str(one) for one in self.read("serving", model_id, first, count)]

    def operators_of(self, model_id: int) -> list[str]:
        """All who opted into a model."""
        found: list[str] = []
        for first in range(0, self.n_serving(model_id), 100):
            found += self.serving(model_id, first)
        return found

    def reserve_wei(self, operator: str) -> int:
        """What stands behind an operator's receipts and is not on its way out."""
        return int(self.read("reserve_wei", operator))

    def reserve_unbonding_wei(self, operator: str) -> int:
        return int(self.read("reserve_unbonding_wei", operator))

    def reserve_ready_at(self, operator: str) -> int:
        return int(self.read("reserve_ready_at", operator))

    def reserve_since(self, operator: str) -> int:
        """The reserve stands behind receipts issued later than this, unix seconds."""
        return int(self.read("reserve_since", operator))

    def deposit_reserve(self, amount_wei: int) -> Call:
        return self.call("deposit_reserve", value=amount_wei)

    def begin_unbonding_reserve(self, amount_wei: int) -> Call:
        return self.call("begin_unbonding_reserve", amount_wei)

    def withdraw_reserve(self) -> Call:
        return self.call("withdraw_reserve")

    def strike(self, operator: str, model_id: int) -> Call:
        return self.call("strike", operator, model_id)

    def set_min_stake(self, model_id: int, amount_wei: int) -> Call:
        return self.call("set_min_stake", model_id, amount_wei)

    def deposit(self, amount_wei: int) -> Call:
        return self.call("deposit", value=amount_wei)

    def opt_in(self, model_id: int) -> Call:
        return self.call("opt_in", model_id)

    def opt_out(self, model_id: int) -> Call:
        return self.call("opt_out", model_id)

    def begin_unbonding(self, amount_wei: int) -> Call:
        return self.call("begin_unbonding", amount_wei)

    def withdraw(self) -> Call:
        return self.call("withdraw")

    def withdraw_bounty(self) -> Call:
        return self.call("withdraw_bounty")


class TrainingRounds(Contract):
    NAME = "TrainingRounds"
    EVENTS = (
        t.RoundOpened,
        t.UpdateSubmitted,
        t.AggregatePosted,
        t.RoundFinalized,
        t.RoundCancelled,
        t.SharesMinted,
        t.SharesForfeited,
    )

    def plan(self, round_id: int) -> t.Plan:
        return self._struct(t.Plan, "plan", round_id)

    def phase(self, round_id: int) -> t.Phase:
        return t.Phase(self.read("phase", round_id))

    def n_rounds(self) -> int:
        return int(self.read("n_rounds"))

    def n_updates(self, round_id: int) -> int:
        return int(self.read("n_updates", round_id))

    def update(self, round_id: int, index: int) -> t.Update:
        return self._struct(t.Update, "update", round_id, index)

    def updates(self, round_id: int) -> list[t.Update]:
        return [self.update(round_id, index) for index in range(self.n_updates(round_id))]

    def aggregate_of(self, round_id: int) -> t.Aggregate:
        return self._struct(t.Aggregate, "aggregate_of", round_id)

    def submit(self, round_id: int, root: bytes, cid: bytes, batch_ids: Sequence[int]) -> Call:
        return self.call("submit", round_id, root, cid, list(batch_ids))

    def open(self, plan: t.Plan) -> Call:
        return self.call("open", astuple(plan))

    def aggregate(
        self,
        round_id: int,
        root: bytes,
        cid: bytes,
        program_hash: bytes,
        program_cid: bytes,
        card_cid: bytes,
    ) -> Call:
        return self.call("aggregate", round_id, root, cid, program_hash, program_cid, card_cid)

    def finalize(self, round_id: int) -> Call:
        return self.call("finalize", round_id)

    def mint_shares(self, round_id: int, index: int, batch_ids: Sequence[int]) -> Call:
        return self.call("mint_shares", round_id, index, list(batch_ids))

    def cancel(self, round_id: int) -> Call:
        return self.call("cancel", round_id)


class PacketFeatures(Contract):
    NAME = "PacketFeatures"
    EVENTS = (t.ChannelsSet,)

    def channels_of(self, model_id: int) -> bytes:
        """Each feature's place in a reading, a byte each; empty if the model reads no packets."""
        return bytes(self.read("channels_of", model_id))

    def set_channels(self, model_id: int, channels: bytes) -> Call:
        return self.call("set_channels", model_id, channels)


class ReceiptJudge(Contract):
    NAME = "ReceiptJudge"
    EVENTS = (t.ReceiptChallenged,)

    def challenge_receipt(
        self,
        receipt: Receipt,
        signature: bytes,
        outputs: bytes,
        salt: bytes,
        features: bytes,
        proof: Sequence[bytes] = (),
    ) -> Call:
        """Of a receipt for several predictions, `proof` is that of the one that is shown."""
        fields = (
            receipt.model_id,
            receipt.version,
            receipt.program_hash,
            receipt.root,
            receipt.issued_at,
            receipt.terms_id,
            receipt.operator,
        )
        return self.call(
            "challenge_receipt", fields, signature, outputs, salt, features, list(proof)
        )


class InferenceMarket(Contract):
    NAME = "InferenceMarket"
    EVENTS = (
        t.Predicted,
        t.PacketRead,
        t.Requested,
        t.CallbackAsked,
        t.Answered,
        t.CalledBack,
        t.RootAnswered,
        t.RootSettled,
        t.LeafChallenged,
        t.Displaced,
        t.DisplacedReleased,
        t.Settled,
        t.Refunded,
        t.Challenged,
        t.Reopened,
        t.Paid,
    )

    def get_request(self, request_id: int) -> t.MarketRequest:
        return self._struct(t.MarketRequest, "get_request", request_id)

    def n_requests(self) -> int:
        return int(self.read("n_requests"))

    def owed(self, account: str, currency: str) -> int:
        return int(self.read("owed", account, currency))

    def quote(self, model_id: int, caller: str) -> t.Quote:
        price, currency, terms_id = self.read_all("quote", model_id, caller)
        return t.Quote(price, currency, terms_id)

    def predict(self, model_id: int, features: bytes, max_price: int, *, value: int = 0) -> Call:
        return self.call("predict", model_id, features, max_price, value=value)

    def predict_from_packet(
        self, model_id: int, packet: bytes, max_age_s: int, max_price: int, *, value: int = 0
    ) -> Call:
        return self.call("predict_from_packet", model_id, packet, max_age_s, max_price, value=value)

    def request(
        self,
        model_id: int,
        features: bytes,
        max_price: int,
        deadline: int,
        operator: str = t.ZERO_ADDRESS,
        *,
        callback: str = t.ZERO_ADDRESS,
        callback_gas: int = 0,
        terms_id: int = 0,
        value: int = 0,
    ) -> Call:
        return self.call(
            "request",
            model_id,
            features,
            max_price,
            deadline,
            operator,
            callback,
            callback_gas,
            terms_id,
            value=value,
        )

    def may_ask(self, model_id: int, caller: str) -> str:
        """Why a caller may not buy a prediction now; empty if he may."""
        return str(self.read("may_ask", model_id, caller))

    def turn_of(self, request_id: int) -> str:
        """The only operator who may answer an open request now; the zero address if any may."""
        return str(self.read("turn_of", request_id))

    def refundable_at(self, request_id: int) -> int:
        """The first unix second in which an open request is given back."""
        return int(self.read("refundable_at", request_id))

    def get_root(self, root_id: bytes) -> t.Root:
        return self._struct(t.Root, "get_root", root_id)

    def is_leaf_slashed(self, root_id: bytes, index: int) -> bool:
        return bool(self.read("is_leaf_slashed", root_id, index))

    def answer_batch(self, answers: Sequence[tuple[int, bytes]]) -> Call:
        """`answers`: (request id, packed outputs), at most 32."""
        ids, outputs = [one for one, _ in answers], [one for _, one in answers]
        return self.call("answer_batch", ids, outputs)

    def answer_root(self, root: AnswerRoot) -> Call:
        return self.call("answer_root", root.terms_id, root.output_bytes, root.leaves)

    def settle_root(self, root: AnswerRoot) -> Call:
        return self.call("settle_root", root.root_id, root.leaves)

    def challenge_leaf(self, root: AnswerRoot, index: int, features: bytes) -> Call:
        proof = list(root.proof(index))
        return self.call("challenge_leaf", root.root_id, index, root.group(index), proof, features)

    def answer(self, request_id: int, outputs: bytes) -> Call:
        return self.call("answer", request_id, outputs)

    def challenge(self, request_id: int, features: bytes) -> Call:
        return self.call("challenge", request_id, features)

    def settle(self, request_ids: Sequence[int]) -> Call:
        return self.call("settle", list(request_ids))

    def refund(self, request_id: int) -> Call:
        return self.call("refund", request_id)

    def pay(self, account: str, currency: str) -> Call:
        return self.call("pay", account, currency)


class ShareToken(Contract):
    """ERC-20 with votes; what an alliance's members hold."""

    NAME = "ShareToken"

    def currency(self) -> str:
        return str(self.read("currency"))

    def delegate(self, delegatee: str) -> Call:
        return self.call("delegate", delegatee)


class Governor(Contract):
    """OpenZeppelin's IGovernor."""

    NAME = "Governor"
    EVENTS = (
        t.ProposalCreated,
        t.ProposalQueued,
        t.ProposalExecuted,
        t.ProposalCanceled,
        t.ProposalExtended,
        t.VoteCast,
        t.VoteCastWithParams,
    )

    def state(self, proposal_id: int) -> t.ProposalState:
        return t.ProposalState(self.read("state", proposal_id))

    def snapshot(self, proposal_id: int) -> int:
        return int(self.read("proposalSnapshot", proposal_id))

    def deadline(self, proposal_id: int) -> int:
        return int(self.read("proposalDeadline", proposal_id))

    def eta(self, proposal_id: int) -> int:
        return int(self.read("proposalEta", proposal_id))

    def votes(self, proposal_id: int) -> tuple[int, int, int]:
        """(against, for, abstaining), in the shares' smallest unit."""
        against, for_, abstaining = self.read_all("proposalVotes", proposal_id)
        return int(against), int(for_), int(abstaining)

    def quorum(self, timepoint: int) -> int:
        """Votes for or abstaining that a proposal with this snapshot needs; it must have passed."""
        return int(self.read("quorum", timepoint))

    def voting_delay_s(self) -> int:
        return int(self.read("votingDelay"))

    def proposal_id(self, calls: Sequence[Call], description: str) -> int:
        return int(self.read("hashProposal", *_actions(calls), _digest(description)))

    def propose(self, calls: Sequence[Call], description: str) -> Call:
        return self.call("propose", *_actions(calls), description)

    def vote(self, proposal_id: int, support: t.Support) -> Call:
        return self.call("castVote", proposal_id, int(support))

    def vote_with_reason(self, proposal_id: int, support: t.Support, reason: str) -> Call:
        return self.call("castVoteWithReason", proposal_id, int(support), reason)

    def queue(self, calls: Sequence[Call], description: str) -> Call:
        return self.call("queue", *_actions(calls), _digest(description))

    def execute(self, calls: Sequence[Call], description: str) -> Call:
        return self.call("execute", *_actions(calls), _digest(description))

    def cancel(self, calls: Sequence[Call], description: str) -> Call:
        return self.call("cancel", *_actions(calls), _digest(description))


class Timelock(Contract):
    """OpenZeppelin's TimelockController: an alliance's treasury and hands."""

    NAME = "Timelock"


def _digest(description: str) -> bytes:
    """Of the bytes that were proposed, be they UTF-8 or not."""
    return bytes(keccak(description.encode("utf-8", "surrogateescape")))


def _actions(calls: Sequence[Call]) -> tuple[list[str], list[int], list[Any]]:
    return [c.to for c in calls], [c.value for c in calls], [c.data for c in calls]
