"""DeviceRegistry under arbitrary sequences of calls; invariants as docs/spec/devices.md names them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import boa
from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from cairn.devices import Batch, batch_id, build_batch, simulate_fleet
from tests.differential._registry import Forgery, consent_of, forge
from tests.stateful._boa_system import deploy_system

OPEN, MATURE, VOID = 1, 2, 4
START = 1_700_000_000
PERIOD_S = 300
WINDOW_S = 86_400
BURNT = "0x000000000000000000000000000000000000dEaD"
NOBODY = "0x" + "00" * 20

FLEET = simulate_fleet(seed=8, count=2, period_s=PERIOD_S)
PACKETS = [sensor.packets(START, 40) for sensor in FLEET]

SENSORS = st.integers(0, 1)
PEOPLE = st.integers(0, 2)
ALLIANCES = st.integers(0, 1)


class Devices(RuleBasedStateMachine):
    """Two sensors, three people who pass them round, two alliances; batches honest and forged."""

    batches = Bundle("batches")

    @initialize(target=batches, count=st.integers(1, 5))
    def deploy(self, count: int) -> int:
        self.registry = deploy_system()["DeviceRegistry"]
        self.bond = self.registry.bond_wei()
        boa.env.timestamp = START + 41 * (PERIOD_S + 1) + 1_000
        self.people = [boa.env.generate_address(f"person {i}") for i in range(3)]
        self.alliances = [boa.env.generate_address(f"alliance {i}") for i in range(2)]
        for person in self.people:
            boa.env.set_balance(person, 10**24)
        # The model of the machine: what must be so, tracked apart from the contract.
        self.owner: list[str | None] = [None, None]
        self.offered: list[str | None] = [None, None]
        self.confirmed = [0, 0]
        self.revoked = [False, False]
        self.admitted = [[False, False], [False, False]]  # alliance, sensor
        self.last = [[0, 0], [0, 0]]
        self.next = [[0, 0], [0, 0]]
        self.made: dict[int, dict[str, Any]] = {}
        self.credit = dict.fromkeys(self.people, 0)
        self.held = self.burnt = 0
        self.burnt_before = boa.env.get_balance(BURNT)
        # So that the batches' rules have work from the start: every example has a mature batch.
        self.register(which=0, who=0, names=0, age_s=50)
        self.admit_or_expel(which=0, alliance=0, enters=True)
        number = self.anchor(
            which=0, alliance=0, by_owner=True, gap=0, count=count, kind="honest", opens=True
        )
        assert self.made[number]["state"] == MATURE
        return number

    def teardown(self) -> None:
        for made in getattr(self, "made", {}).values():
            event(f"a batch, {made['kind']}, ended {made['state']}")

    # --- sensors ----------------------------------------------------------------------------

    @rule(which=SENSORS, who=PEOPLE, names=PEOPLE, age_s=st.integers(-700, 50))
    def register(self, which: int, who: int, names: int, age_s: int) -> None:
        """DEV-1: with the sensor's own word, and once."""
        sensor, person = FLEET[which], self.people[who]
        at = boa.env.timestamp - age_s
        args = (sensor.address, 1, PERIOD_S, *consent_of(sensor, self.people[names], at))
        reason = None
        if age_s < -600:
            reason = "consent: from the future"
        elif who != names:
            reason = "consent: not signed by the device"
        elif self.owner[which] is not None:
            reason = "register: device has an owner"
        if self._refused(reason, self.registry.register, *args, sender=person):
            return
        self.owner[which], self.confirmed[which] = person, at

    @rule(which=SENSORS, who=PEOPLE, to=PEOPLE)
    def offer(self, which: int, who: int, to: int) -> None:
        reason = None
        if self.owner[which] != self.people[who]:
            reason = "device: caller is not its owner"
        elif self.revoked[which]:
            reason = "offer: device is revoked"
        args = (FLEET[which].address, self.people[to])
        if not self._refused(reason, self.registry.offer, *args, sender=self.people[who]):
            self.offered[which] = self.people[to]

    @rule(which=SENSORS, who=PEOPLE, newer_s=st.integers(-1, 1))
    def accept(self, which: int, who: int, newer_s: int) -> None:
        """DEV-2: a newer word of the sensor, and the owner's offer."""
        sensor, person = FLEET[which], self.people[who]
        at = max(1, self.confirmed[which] + newer_s)
        reason = None
        if self.owner[which] is None:
            reason = "accept: device is not registered"
        elif self.offered[which] != person:
            reason = "accept: not offered to the caller"
        elif self.revoked[which]:
            reason = "accept: device is revoked"
        elif at <= self.confirmed[which]:
            reason = "consent: not newer than the last"
        elif at > boa.env.timestamp + 600:
            reason = "consent: from the future"
        args = (sensor.address, *consent_of(sensor, person, at))
        if self._refused(reason, self.registry.accept, *args, sender=person):
            return
        self.owner[which], self.offered[which], self.confirmed[which] = person, None, at

    @precondition(lambda self: len(self.made) > 3)
    @rule(which=SENSORS, who=PEOPLE)
    def revoke(self, which: int, who: int) -> None:
        reason = None
        if self.owner[which] != self.people[who]:
            reason = "device: caller is not its owner"
        elif self.revoked[which]:
            reason = "revoke: revoked already"
        args = (FLEET[which].address,)
        if not self._refused(reason, self.registry.revoke, *args, sender=self.people[who]):
            self.revoked[which], self.offered[which] = True, None

    @rule(which=SENSORS, alliance=ALLIANCES, enters=st.sampled_from([True] * 7 + [False]))
    def admit_or_expel(self, which: int, alliance: int, enters: bool) -> None:
        method = self.registry.admit if enters else self.registry.expel
        reason = None
        if enters and self.owner[which] is None:
            reason = "admit: device is not registered"
        args: tuple[Any, ...] = ([FLEET[which].address],)
        if not self._refused(reason, method, *args, sender=self.alliances[alliance]):
            self.admitted[alliance][which] = enters

    # --- batches ----------------------------------------------------------------------------

    @rule(
        target=batches,
        which=st.sampled_from([0, 0, 0, 1]),
        alliance=st.sampled_from([0, 0, 0, 1]),
        by_owner=st.sampled_from([True, True, True, True, False]),
        gap=st.sampled_from([0, 0, 0, 1, -1]),
        count=st.integers(1, 5),
        kind=st.sampled_from(["honest", "honest", "inflated", "garbage"]),
        opens=st.booleans(),
    )
    def anchor(
        self,
        which: int,
        alliance: int,
        by_owner: bool,
        gap: int,
        count: int,
        kind: str,
        opens: bool,
    ) -> int:
        """Mostly the packets that come next; with a negative gap, some that came before."""
        start = min(max(0, self.next[alliance][which] + gap), 39)
        sensor, packets = FLEET[which], PACKETS[which][start : start + count]
        owner = self.owner[which]
        person = owner if by_owner and owner is not None else self.people[2]
        batch: Batch | Forgery = build_batch(packets, sensor.device, PERIOD_S)
        announced = batch.count
        if kind == "inflated":
            announced += 1
        elif kind == "garbage":
            first, last = batch.first, batch.last
            batch = forge(sensor.device, packets)
            batch.leaves[0] = (0, b"garbage")
            batch.__post_init__()
            batch.first, batch.last = first, last
        number = batch_id(sensor.device, batch.root)
        reason = None
        if person != owner:
            reason = "device: caller is not its owner"
        elif self.revoked[which]:
            reason = "anchor: device is revoked"
        elif not self.admitted[alliance][which]:
            reason = "anchor: device is not admitted"
        elif batch.first <= self.last[alliance][which]:
            reason = "anchor: window overlaps an earlier one"
        elif announced > (batch.last - batch.first) // PERIOD_S + 1:
            reason = "anchor: more than one a period"
        elif number in self.made:
            reason = "anchor: root is anchored already"
        args = (
            self.alliances[alliance], sensor.address, batch.root, announced,
            batch.first, batch.last, b"",
        )  # fmt: skip
        if self._refused(reason, self.registry.anchor_batch, *args, sender=person, value=self.bond):
            return number
        self.last[alliance][which] = batch.last
        self.next[alliance][which] = start + len(packets)
        self.held += self.bond
        self.made[number] = {
            "batch": batch, "kind": kind, "owner": person, "state": OPEN, "which": which,
            "alliance": alliance, "at": boa.env.timestamp, "draw": boa.env.evm.patch.block_number + 2,
        }  # fmt: skip
        if opens:
            self.mature(number=number, waits=True)
        return number

    @rule(number=batches, waits=st.booleans())
    def mature(self, number: int, waits: bool) -> None:
        """BATCH-5: with the drawn leaves, all of them good, in time."""
        if waits:
            self.pass_time(step=(3, 9))
        made = self.made.get(number)
        if made is None:
            with boa.reverts("batch: there is none of this id"):
                self.registry.mature_batch(number, [])
            return
        if made["state"] != OPEN or boa.env.timestamp > made["at"] + WINDOW_S:
            reason = "batch: is not open" if made["state"] != OPEN else "batch: its time is over"
            with boa.reverts(reason):
                self.registry.mature_batch(number, [])
            return
        if boa.env.evm.patch.block_number <= made["draw"]:
            with boa.reverts("drawn: its block is still to come"):
                self.registry.drawn_leaves(number)
            return
        if boa.env.evm.patch.block_number - made["draw"] > 256:
            with boa.reverts("drawn: the draw has lapsed"):
                self.registry.drawn_leaves(number)
            return
        drawn = list(self.registry.drawn_leaves(number))
        batch = made["batch"]
        count = self.registry.batch(number).count
        assert len(set(drawn)) == len(drawn) == min(count, 4) and drawn == sorted(drawn)
        openings = [self._opening(batch, index) for index in drawn]
        if made["kind"] == "garbage" and 0 in drawn:
            with boa.reverts("mature: not signed by the device"):
                self.registry.mature_batch(number, openings)
            return
        self.registry.mature_batch(number, openings)
        made["state"] = MATURE
        self.held -= self.bond
        self._credit(made["owner"], self.bond)

    @rule(number=batches, who=PEOPLE)
    def accuse(self, number: int, who: int) -> None:
        """A leaf that should not be there voids a batch; a good one never does."""
        made = self.made.get(number)
        if made is None:
            return
        prover = self.people[who]
        args = (number, 0, self._opening(made["batch"], 0))
        reason = None
        if made["state"] == VOID:
            reason = "batch: is void already"
        elif made["kind"] != "garbage":
            reason = "void: the leaf has no fault"
        if self._refused(reason, self.registry.void_faulty, *args, sender=prover):
            return
        if made["state"] == OPEN:
            self.held -= self.bond
            self._credit(prover, self.bond // 2)
            self.burnt += self.bond - self.bond // 2
        made["state"] = VOID

    @rule(number=batches)
    def void_unopened(self, number: int) -> None:
        made = self.made.get(number)
        reason = None
        if made is None:
            reason = "batch: there is none of this id"
        elif made["state"] != OPEN:
            reason = "void: not an open batch"
        elif boa.env.timestamp <= made["at"] + WINDOW_S:
            reason = "void: may still be opened"
        if self._refused(reason, self.registry.void_unopened, number, sender=self.people[0]):
            return
        assert made is not None
        made["state"] = VOID
        self.held -= self.bond
        self.burnt += self.bond

    @rule(number=batches)
    def hold_the_draw_anew(self, number: int) -> None:
        """A draw that was let slip costs another bond, which is burnt."""
        made = self.made.get(number)
        if made is None or made["state"] != OPEN or boa.env.timestamp > made["at"] + WINDOW_S:
            return
        if boa.env.evm.patch.block_number - made["draw"] <= 256:
            return
        self.registry.draw(number, value=self.bond, sender=made["owner"])
        self.burnt += self.bond
        made["draw"] = boa.env.evm.patch.block_number + 2

    @rule(who=PEOPLE)
    def withdraw(self, who: int) -> None:
        person = self.people[who]
        due = self.credit[person]
        before = boa.env.get_balance(person)
        reason = None if due else "withdraw: nothing to withdraw"
        if not self._refused(reason, self.registry.withdraw, sender=person):
            assert boa.env.get_balance(person) == before + due
            self.credit[person] = 0

    @rule(step=st.sampled_from([(3, 9)] * 6 + [(20, 60), (300, 900), (400, WINDOW_S + 1)]))
    def pass_time(self, step: tuple[int, int]) -> None:
        blocks, seconds = step
        boa.env.evm.patch.block_number += blocks
        boa.env.evm.patch.timestamp += seconds

    # --- invariants -------------------------------------------------------------------------

    @invariant()
    @precondition(lambda self: hasattr(self, "made"))
    def dev_1_and_dev_2(self) -> None:
        for which, sensor in enumerate(FLEET):
            record = self.registry.device(sensor.address)
            assert record.owner == (self.owner[which] or NOBODY)
            assert record.confirmed_at == self.confirmed[which]
            assert self.registry.offered_to(sensor.address) == (self.offered[which] or NOBODY)

    @invariant()
    @precondition(lambda self: hasattr(self, "made"))
    def dev_3(self) -> None:
        for which, sensor in enumerate(FLEET):
            assert self.registry.device(sensor.address).is_revoked == self.revoked[which]

    @invariant()
    @precondition(lambda self: hasattr(self, "made"))
    def dev_4_and_batch_2(self) -> None:
        for alliance, timelock in enumerate(self.alliances):
            for which, sensor in enumerate(FLEET):
                is_in = self.admitted[alliance][which] and not self.revoked[which]
                assert self.registry.is_admitted(timelock, sensor.address) == is_in
                last = self.registry.last_anchored(timelock, sensor.address)
                assert last == self.last[alliance][which]
                windows = sorted(
                    (made["batch"].first, made["batch"].last)
                    for made in self.made.values()
                    if (made["alliance"], made["which"]) == (alliance, which)
                )
                for (_, end), (begin, _) in pairwise(windows):
                    assert begin > end

    @invariant()
    @precondition(lambda self: hasattr(self, "made"))
    def batch_1_batch_3_batch_4_and_batch_6(self) -> None:
        for number, made in self.made.items():
            found = self.registry.batch(number)
            assert found.state == made["state"]
            assert self.registry.is_mature(number) == (made["state"] == MATURE)
            assert found.owner == made["owner"]
            room = (found.last_timestamp - found.first_timestamp) // PERIOD_S + 1
            assert 0 < found.count <= room
            assert found.last_timestamp <= found.anchored_at + 600

    @invariant()
    @precondition(lambda self: hasattr(self, "made"))
    def batch_7(self) -> None:
        for person, due in self.credit.items():
            assert self.registry.credit_wei(person) == due
        balance = boa.env.get_balance(self.registry.address)
        assert balance == self.held + sum(self.credit.values())
        assert boa.env.get_balance(BURNT) - self.burnt_before == self.burnt

    # --- parts ------------------------------------------------------------------------------

    def _refused(self, reason: str | None, method: Any, *args: Any, **options: Any) -> bool:
        """Call; whether it was refused, for this reason and no other."""
        if reason is None:
            method(*args, **options)
            return False
        with boa.reverts(reason):
            method(*args, **options)
        return True

    def _credit(self, person: str, amount: int) -> None:
        self.credit[person] += amount

    @staticmethod
    def _opening(batch: Batch | Forgery, index: int) -> tuple[bytes, list[bytes]]:
        if isinstance(batch, Forgery):
            return batch.opening(index)
        opening = batch.opening(index)
        return opening.packet, list(opening.proof)


Devices.TestCase.settings = settings(max_examples=10, stateful_step_count=40, deadline=None)


class TestDevices(Devices.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        # Before the first example: titanoboa takes back what an example did.
        deploy_system()
