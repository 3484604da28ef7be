import ape

from tests.conftest import SOME_CID
from tests.unit.model_registry.conftest import SCHEMA_HASH


def test_create_model__by_a_timelock__is_its_alliances(registry, alliance, model_id):
    model = registry.model(model_id)
    assert model.alliance == registry.alliance_of(model_id) == alliance.timelock
    assert model.share_token == alliance.share_token
    assert model.currency == alliance.share_token.currency()
    assert (model.name, model.schema_hash) == ("air-quality", SCHEMA_HASH)
    assert tuple(registry.payees(model_id)) == (
        alliance.share_token.currency(),
        alliance.share_token.address,
        alliance.timelock.address,
    )


def test_create_model__incomplete__reverts(registry, alliance, timelock):
    token = alliance.share_token
    for args, reason in [
        (("", token, SCHEMA_HASH, SOME_CID), "create_model: no name"),
        (("m", token, bytes(32), SOME_CID), "create_model: no schema hash"),
        (("m", token, SCHEMA_HASH, b""), "create_model: no schema cid"),
    ]:
        with ape.reverts(reason):
            registry.create_model(*args, sender=timelock)


def test_model__unknown__reverts(registry):
    for unknown in (0, registry.n_models() + 1):
        with ape.reverts("registry: unknown model"):
            registry.model(unknown)
