import ape

from tests.conftest import PRODUCTION
from tests.unit.model_registry.conftest import SOME_TERMS

CANDIDATE = b"candidate".ljust(32, b"\0")


def test_set_alias__stranger__reverts(registry, model_id, register, refused_to_outsiders):
    refused_to_outsiders(
        registry.set_alias,
        model_id,
        PRODUCTION,
        register(),
        reason="registry: caller is not alliance",
    )


def test_set_alias__bad_arguments__reverts(registry, model_id, register, timelock):
    version = register()
    with ape.reverts("set_alias: no alias"):
        registry.set_alias(model_id, bytes(32), version, sender=timelock)
    with ape.reverts("registry: unknown version"):
        registry.set_alias(model_id, PRODUCTION, version + 1, sender=timelock)


def test_version_at__after_moves__tells_each_time(
    registry, model_id, register, timelock, chain, pass_time
):
    start = chain.blocks.head.timestamp
    moved_at = []
    for version in (register(), register(), register()):
        pass_time(100)
        receipt = registry.set_alias(model_id, PRODUCTION, version, sender=timelock)
        moved_at.append(chain.blocks[receipt.block_number].timestamp)
    registry.set_alias(model_id, CANDIDATE, 2, sender=timelock)
    pass_time(100)
    now = chain.blocks.head.timestamp

    assert registry.version_at(model_id, PRODUCTION, start) == 0
    for version, timestamp in enumerate(moved_at, start=1):
        assert registry.version_at(model_id, PRODUCTION, timestamp - 1) == version - 1
        assert registry.version_at(model_id, PRODUCTION, timestamp) == version
    assert registry.version_at(model_id, PRODUCTION, now) == 3
    assert registry.version_at(model_id, CANDIDATE, now) == 2
    with ape.reverts("version_at: in the future"):
        registry.version_at(model_id, PRODUCTION, now + 1_000)


def test_set_alias__production_on_sale__sells_the_new_version(
    registry, on_sale, register, timelock, policy
):
    terms = SOME_TERMS | {"policy_id": policy()}
    registry.set_terms(on_sale, *terms.values(), sender=timelock)
    before = registry.terms(registry.current_terms(on_sale))
    registry.set_alias(on_sale, PRODUCTION, register(), sender=timelock)
    after = registry.terms(registry.current_terms(on_sale))
    assert (before.version, after.version) == (1, 2)
    assert after.price == before.price and after.lock_wei == before.lock_wei
    assert after.policy_id == before.policy_id == terms["policy_id"]


def test_set_alias__production_on_sale_unpublished__reverts(registry, on_sale, register, timelock):
    version = register(program_hash=bytes([9]) * 32)
    with ape.reverts("terms: program not published"):
        registry.set_alias(on_sale, PRODUCTION, version, sender=timelock)


def test_set_alias__another_alias__leaves_the_terms(registry, on_sale, register, timelock):
    before = registry.current_terms(on_sale)
    registry.set_alias(on_sale, CANDIDATE, register(), sender=timelock)
    assert registry.current_terms(on_sale) == before
