import ape

from tests.conftest import SOME_CID


def arguments(of_model, /, **changes):
    values = {
        "model_id": of_model,
        "program_hash": bytes([1]) * 32,
        "program_cid": SOME_CID,
        "parameters_root": bytes([2]) * 32,
        "data_root": bytes([3]) * 32,
        "card_cid": SOME_CID,
        "parent": 0,
        "round_id": 0,
    }
    return tuple((values | changes).values())


def test_register_version__stranger__reverts(registry, model_id, refused_to_outsiders):
    refused_to_outsiders(
        registry.register_version,
        *arguments(model_id),
        reason="registry: caller is not alliance",
    )


def test_register_version__by_the_alliance__counts_from_1(registry, model_id, timelock):
    assert registry.latest_version(model_id) == 0
    registry.register_version(*arguments(model_id), sender=timelock)
    registry.register_version(*arguments(model_id, parent=1), sender=timelock)
    assert registry.latest_version(model_id) == 2
    assert registry.version(model_id, 2).parent == 1
    assert registry.program_of(model_id, 2) == bytes([1]) * 32


def test_version__registered__keeps_all_that_was_said(registry, model_id, timelock, chain):
    said = arguments(model_id, data_root=bytes([7]) * 32, card_cid=SOME_CID[:-1] + b"!")
    registry.register_version(*said, sender=timelock)
    kept = registry.version(model_id, 1)
    assert [bytes(kept[name]) for name in ("parameters_root", "data_root", "card_cid")] == [
        bytes([2]) * 32,
        bytes([7]) * 32,
        SOME_CID[:-1] + b"!",
    ]
    assert (bytes(kept.program_cid), kept.parent, kept.round_id) == (SOME_CID, 0, 0)
    assert kept.registered_at == chain.blocks.head.timestamp


def test_register_version__by_the_rounds__names_its_round(registry, model_id, system, accounts):
    rounds = accounts[system.training_rounds.address]
    rounds.balance += 10**20
    registry.register_version(*arguments(model_id, round_id=9), sender=rounds)
    assert registry.version(model_id, 1).round_id == 9
    with ape.reverts("register: round is zero"):
        registry.register_version(*arguments(model_id), sender=rounds)


def test_register_version__bad_fields__reverts(registry, model_id, timelock):
    for changes, reason in [
        ({"model_id": 0}, "registry: unknown model"),
        ({"round_id": 1}, "register: only rounds name a round"),
        ({"program_hash": bytes(32)}, "register: no program hash"),
        ({"program_cid": b""}, "register: no program cid"),
        ({"parent": 1}, "register: unknown parent"),
    ]:
        with ape.reverts(reason):
            registry.register_version(*arguments(model_id, **changes), sender=timelock)


def test_version__unknown__reverts(registry, model_id):
    for unknown in (0, 1):
        with ape.reverts("registry: unknown version"):
            registry.version(model_id, unknown)
