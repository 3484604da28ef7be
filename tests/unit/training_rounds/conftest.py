import pytest
from eth_utils import keccak

from cairn.devices import CLIMATES, SimulatedDevice, build_batch
from tests.conftest import DAY_S, SOME_CID

POOL = 30 * 10**18
WINDOW_S = 3_600
LOCK_WEI = 2 * 10**18
WEIGHT_CAP = 250
PERIOD_S = 300


@pytest.fixture
def rounds(system):
    return system.training_rounds


@pytest.fixture
def registry(system):
    return system.model_registry


@pytest.fixture
def ledger(system):
    return system.stake_ledger


@pytest.fixture
def model_id(registry, alliance, timelock):
    registry.create_model(
        "air-quality", alliance.share_token, bytes([1]) * 32, SOME_CID, sender=timelock
    )
    return registry.n_models()


@pytest.fixture
def plan(model_id, chain):
    """A plan in ITrainingRounds' order; members have a day, operators another."""
    now = chain.blocks.head.timestamp
    return {
        "model_id": model_id,
        "base_version": 0,
        "plan_hash": bytes([4]) * 32,
        "plan_cid": SOME_CID,
        "share_pool": POOL,
        "weight_cap": WEIGHT_CAP,
        "submit_until": now + DAY_S,
        "aggregate_until": now + 2 * DAY_S,
        "window_s": WINDOW_S,
        "lock_wei": LOCK_WEI,
    }


@pytest.fixture
def round_id(rounds, plan, timelock):
    rounds.open(tuple(plan.values()), sender=timelock)
    return rounds.n_rounds()


@pytest.fixture
def anchor(system, timelock, chain):
    """Register a synthetic device of an owner's, admit it and anchor a batch of its packets; matured
    unless told otherwise. Returns the batch's id.
    """
    registry = system.device_registry
    numbers = iter(range(1_000))

    def anchor_(owner, count=100, hands=timelock, is_matured=True):
        device = SimulatedDevice(7, next(numbers), CLIMATES[0], PERIOD_S)
        now = chain.blocks.head.timestamp
        consent = device.confirm(bytes.fromhex(owner.address[2:]), now)
        signature = consent.signature
        registry.register(
            device.address, 1, PERIOD_S, now, signature[:32], signature[32:], sender=owner
        )
        registry.admit([device.address], sender=hands)
        packets = device.packets(now - (count + 2) * (PERIOD_S + 10), count)
        batch = build_batch(packets, device.device, PERIOD_S)
        registry.anchor_batch(
            hands.address,
            device.address,
            batch.root,
            batch.count,
            batch.first,
            batch.last,
            SOME_CID,
            value=registry.bond_wei(),
            sender=owner,
        )
        if is_matured:
            chain.mine(3)
            openings = [batch.opening(index) for index in registry.drawn_leaves(batch.batch_id)]
            registry.mature_batch(
                batch.batch_id, [(o.packet, list(o.proof)) for o in openings], sender=owner
            )
        return batch.batch_id

    return anchor_


@pytest.fixture
def batches_of():
    """Member -> the batches that he handed in."""
    return {}


@pytest.fixture
def submit(rounds, round_id, anchor, batches_of):
    """A member hands in an update on a batch of his own."""

    def submit_(member, count=100, root=None):
        root = root or keccak(text=member.address)
        batches_of[member] = [anchor(member, count)]
        rounds.submit(round_id, root, SOME_CID, batches_of[member], sender=member)

    return submit_


@pytest.fixture
def serving(ledger, operator, model_id):
    ledger.deposit(value=LOCK_WEI, sender=operator)
    ledger.opt_in(model_id, sender=operator)
    return operator


@pytest.fixture
def posted(round_id):
    """What an operator posts: round, root, cid, program hash, program cid, card cid."""
    return (round_id, bytes([5]) * 32, SOME_CID, bytes([6]) * 32, SOME_CID, SOME_CID)


@pytest.fixture
def aggregated(rounds, round_id, submit, founders, serving, posted, pass_time):
    """A round with updates of 100, 200 and 300 readings, the last capped at 250; aggregated."""
    for member, count in zip(founders, (100, 200, 300), strict=True):
        submit(member, count)
    pass_time(DAY_S + 1)
    rounds.aggregate(*posted, sender=serving)
    return round_id
