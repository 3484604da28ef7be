from hashlib import sha256

import pytest
from coincurve import PrivateKey
from eth_utils import keccak, to_checksum_address

from tests.conftest import DAY_S, SOME_CID

POOL = 30 * 10**18
WINDOW_S = 3_600
LOCK_WEI = 2 * 10**18
WEIGHT_CAP = 250


@pytest.fixture(scope="session")
def rounds(system):
    return system.training_rounds


@pytest.fixture(scope="session")
def registry(system):
    return system.model_registry


@pytest.fixture(scope="session")
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
def anchor(system, alliance, timelock, chain):
    """Register a device of an owner's with its consent, admit it, anchor a batch; returns the batch
    id.
    """
    registry = system.device_registry
    seeds = iter(range(1, 1_000))

    def anchor_(owner, count=100, to=alliance.timelock):
        key = PrivateKey(sha256(b"device %d" % next(seeds)).digest())
        public = key.public_key.format(compressed=False)[1:]
        device = to_checksum_address(keccak(public)[-20:])
        now = chain.blocks.head.timestamp
        consent = sha256(bytes.fromhex(owner.address[2:]) + now.to_bytes(4, "big")).digest()
        signature = key.sign_recoverable(consent, hasher=None)
        registry.register(device, 1, 300, now, signature[:32], signature[32:64], sender=owner)
        registry.admit([device], sender=timelock)
        registry.anchor_batch(
            to,
            device,
            keccak(text=device),
            count,
            now - count * 300,
            now,
            SOME_CID,
            sender=owner,
        )
        return registry.n_batches()

    return anchor_


@pytest.fixture
def submit(rounds, round_id, anchor):
    """A member hands in an update on a batch of his own."""

    def submit_(member, count=100, root=None):
        root = root or keccak(text=member.address)
        rounds.submit(round_id, root, SOME_CID, [anchor(member, count)], sender=member)

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
