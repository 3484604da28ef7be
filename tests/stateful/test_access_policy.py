"""AccessPolicy under arbitrary sequences of calls; invariants as docs/spec/access.md names them."""

from __future__ import annotations

from typing import Any

import boa
from eth_account import Account
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
)

from cairn.chain import Mode
from cairn.domain.policy import FULL, UNLIMITED, Bucket, Credential, Limit
from tests.differential._access import Access

LIMITS = st.one_of(
    st.just(UNLIMITED),
    st.builds(Limit, st.integers(1, 3), st.integers(1, 3), st.integers(1, 30)),
)
WHO = st.integers(0, 2)
SERIALS = st.integers(0, 4)
ISSUERS = [Account.from_key(bytes([9 + i]) * 32) for i in range(2)]
TERMS_HASH = bytes([7]) * 32


class Door(RuleBasedStateMachine):
    """Three callers before policies of every mode that needs no other contract."""

    policies = Bundle("policies")

    @initialize()
    def deploy(self) -> None:
        self.access = Access()
        self.contract = self.access.contract
        self.callers = [boa.env.generate_address() for _ in range(3)]
        # The model of the machine: what must be so, tracked apart from the contract.
        self.written: dict[int, dict[str, Any]] = {}
        self.listed: set[tuple[int, int]] = set()
        self.accepted: set[int] = set()
        self.shown: dict[tuple[int, int], tuple[int, int]] = {}
        self.revoked: dict[tuple[int, int], int] = {}
        self.buckets: dict[tuple[int, int], Bucket] = {}
        self.sold: dict[tuple[int, int], list[int]] = {}

    @rule(
        target=policies,
        mode=st.sampled_from([Mode.OPEN, Mode.LISTED, Mode.BEARERS]),
        per_caller=LIMITS,
        in_all=LIMITS,
        with_terms=st.booleans(),
        which=st.integers(0, 1),
    )
    def create(
        self, mode: Mode, per_caller: Limit, in_all: Limit, with_terms: bool, which: int
    ) -> int:
        rules: dict[str, Any] = {"mode": mode, "per_caller": per_caller, "in_all": in_all}
        if mode == Mode.BEARERS:
            rules["authority"] = ISSUERS[which].address
        if with_terms:
            rules |= {"terms_hash": TERMS_HASH, "terms_cid": b"\1"}
        policy_id = self.access.create(**rules)
        self.written[policy_id] = rules | {"issuer": which}
        return policy_id

    @rule(policy_id=policies, who=WHO, is_listed=st.booleans())
    def set_listed(self, policy_id: int, who: int, is_listed: bool) -> None:
        if self.written[policy_id]["mode"] != Mode.LISTED:
            with boa.reverts("set_listed: no list"):
                self._set_listed(policy_id, who, is_listed)
            return
        self._set_listed(policy_id, who, is_listed)
        (self.listed.add if is_listed else self.listed.discard)((policy_id, who))

    def _set_listed(self, policy_id: int, who: int, is_listed: bool) -> None:
        self.contract.set_listed(
            policy_id, [self.callers[who]], is_listed, sender=self.access.alliance
        )

    @rule(who=WHO)
    def accept(self, who: int) -> None:
        if who in self.accepted:
            with boa.reverts("accept: accepted already"):
                self._accept(who)
        else:
            self._accept(who)
            self.accepted.add(who)

    def _accept(self, who: int) -> None:
        self.contract.accept_terms(self.access.alliance, TERMS_HASH, sender=self.callers[who])

    @rule(
        which=st.integers(0, 1),
        signer=st.integers(0, 1),
        who=WHO,
        bearer=WHO,
        serial=SERIALS,
        life_s=st.integers(0, 60),
    )
    def present(
        self, which: int, signer: int, who: int, bearer: int, serial: int, life_s: int
    ) -> None:
        expires_at = boa.env.timestamp + life_s
        credential = Credential(
            ISSUERS[which].address,
            str(self.access.alliance),
            str(self.callers[who]),
            serial,
            expires_at,
        )
        message = credential.message(boa.env.evm.patch.chain_id, self.contract.address)
        arguments = (
            credential.issuer, credential.alliance, credential.subject, serial, expires_at,
            bytes(ISSUERS[signer].sign_message(message).signature),
        )  # fmt: skip
        known = self.shown.get((which, who), (0, 0))[0]
        is_fine = (
            life_s > 0
            and signer == which
            and serial > known
            and serial > self.revoked.get((which, who), 0)
        )
        if is_fine:
            self.contract.present(*arguments, sender=self.callers[bearer])
            self.shown[which, who] = (serial, expires_at)
        else:
            with boa.reverts():
                self.contract.present(*arguments, sender=self.callers[bearer])

    @rule(which=st.integers(0, 1), who=WHO, serial=SERIALS)
    def revoke(self, which: int, who: int, serial: int) -> None:
        arguments = (self.access.alliance, self.callers[who], serial)
        if serial <= self.revoked.get((which, who), 0):
            with boa.reverts("revoke: serial is revoked already"):
                self.contract.revoke(*arguments, sender=ISSUERS[which].address)
        else:
            self.contract.revoke(*arguments, sender=ISSUERS[which].address)
            self.revoked[which, who] = serial

    @rule(seconds=st.integers(1, 40))
    def wait(self, seconds: int) -> None:
        boa.env.time_travel(seconds=seconds)

    @rule(policy_id=policies, who=WHO)
    def take_as_another(self, policy_id: int, who: int) -> None:
        """ACCESS-3: neither the caller nor the alliance takes from a bucket."""
        for sender in (self.callers[who], self.access.alliance):
            with boa.reverts("admit: caller is not the market"):
                self.contract.admit(policy_id, self.callers[who], sender=sender)

    @rule(policy_id=policies, who=WHO)
    def sell(self, policy_id: int, who: int) -> None:
        """ACCESS-2, in `admits`: the market is refused exactly with the reason."""
        expected = self._expected(policy_id, who)
        assert self.access.admits(policy_id, self.callers[who]) == expected
        if expected:
            return
        now = boa.env.timestamp
        for key, limit in self._limits(policy_id, who):
            taken = self.buckets.get(key, FULL).taken(limit, now)
            assert taken is not None
            self.buckets[key] = taken
            self.sold.setdefault(key, []).append(now)

    def _limits(self, policy_id: int, who: int) -> list[tuple[tuple[int, int], Limit]]:
        rules = self.written[policy_id]
        return [((policy_id, who), rules["per_caller"]), ((policy_id, -1), rules["in_all"])]

    def _expected(self, policy_id: int, who: int) -> str:
        rules, now = self.written[policy_id], boa.env.timestamp
        if rules["mode"] == Mode.LISTED and (policy_id, who) not in self.listed:
            return "policy: caller is not on the list"
        if rules["mode"] == Mode.BEARERS:
            key = (rules["issuer"], who)
            serial, expires_at = self.shown.get(key, (0, 0))
            if serial == 0:
                return "policy: no credential was shown"
            if serial <= self.revoked.get(key, 0):
                return "policy: credential is revoked"
            if now >= expires_at:
                return "policy: credential has expired"
        if "terms_hash" in rules and who not in self.accepted:
            return "policy: terms are not accepted"
        said = ("policy: limit of the caller is reached", "policy: limit of all is reached")
        for (key, limit), reason in zip(self._limits(policy_id, who), said, strict=True):
            if self.buckets.get(key, FULL).taken(limit, now) is None:
                return reason
        return ""

    @invariant()
    def access_1(self) -> None:
        """What was written is what stands."""
        for policy_id, rules in self.written.items():
            kept = self.contract.rules(policy_id)
            assert (kept.mode, tuple(kept.per_caller)) == (
                rules["mode"],
                (rules["per_caller"].capacity, rules["per_caller"].refill, rules["per_caller"].period_s),
            )  # fmt: skip
            assert self.contract.alliance_of(policy_id) == self.access.alliance

    @invariant()
    def access_3(self) -> None:
        """No span of time had more purchases than its limit allows."""
        for (policy_id, who), times in self.sold.items():
            limit = dict(self._limits(policy_id, who if who >= 0 else 0))[policy_id, who]
            if limit.is_none:
                continue
            for i, first in enumerate(times):
                span = times[-1] - first
                most = limit.capacity + limit.refill * span // limit.period_s
                assert len(times) - i <= most

    @invariant()
    def access_4(self) -> None:
        """A credential is as its issuer last said, and of its own subject."""
        for which, issuer in enumerate(ISSUERS):
            for who, caller in enumerate(self.callers):
                serial, expires_at = self.shown.get((which, who), (0, 0))
                assert self.contract.credential(issuer.address, self.access.alliance, caller) == (
                    serial,
                    expires_at,
                    self.revoked.get((which, who), 0),
                )


TestDoor = Door.TestCase
TestDoor.settings = settings(
    max_examples=25,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
