import pytest

from tests.conftest import SOME_CID

SCHEMA_HASH = bytes([1]) * 32
SOME_TERMS = {
    "price": 10**18,
    "operator_bps": 3_000,
    "holders_bps": 5_000,
    "window_s": 3_600,
    "lock_wei": 10**18,
    "policy_id": 0,
}


@pytest.fixture(scope="session")
def registry(system):
    return system.model_registry


@pytest.fixture
def model_id(registry, alliance, timelock):
    registry.create_model(
        "air-quality", alliance.share_token, SCHEMA_HASH, SOME_CID, sender=timelock
    )
    return registry.n_models()


@pytest.fixture
def register(registry, model_id, timelock, published_program):
    """Register a version whose program is published, or another one by its hash."""

    def register_(program_hash=published_program.hash, parent=0):
        registry.register_version(
            model_id,
            program_hash,
            SOME_CID,
            bytes([2]) * 32,
            bytes([3]) * 32,
            SOME_CID,
            parent,
            0,
            sender=timelock,
        )
        return registry.latest_version(model_id)

    return register_


@pytest.fixture
def on_sale(registry, model_id, register, timelock):
    """The model, with version 1 in production on SOME_TERMS."""
    registry.set_alias(model_id, b"production".ljust(32, b"\0"), register(), sender=timelock)
    registry.set_terms(model_id, *SOME_TERMS.values(), sender=timelock)
    return model_id
