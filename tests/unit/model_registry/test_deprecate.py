import ape
import pytest

from tests.conftest import PRODUCTION
from tests.unit.model_registry.conftest import SOME_TERMS

REASON = "A sensor of its round was tampered with."


def test_deprecate__stranger__reverts(registry, on_sale, refused_to_outsiders):
    refused_to_outsiders(
        registry.deprecate, on_sale, 1, REASON, reason="registry: caller is not alliance"
    )


def test_deprecate__bad_arguments__reverts(registry, on_sale, timelock):
    with ape.reverts("deprecate: no reason"):
        registry.deprecate(on_sale, 1, "", sender=timelock)
    with ape.reverts("registry: unknown version"):
        registry.deprecate(on_sale, 2, REASON, sender=timelock)


@pytest.mark.parametrize("version", [0, 1])
def test_deprecate__what_is_sold__ends_its_sale_for_good(registry, on_sale, timelock, version):
    terms_id = registry.current_terms(on_sale)
    receipt = registry.deprecate(on_sale, version, REASON, sender=timelock)
    [event] = receipt.decode_logs(registry.Deprecated)
    assert (event.model_id, event.version, event.reason) == (on_sale, version, REASON)
    assert len(receipt.decode_logs(registry.SaleEnded)) == 1
    assert registry.current_terms(on_sale) == 0
    assert registry.terms(terms_id).version == 1
    assert registry.standing(on_sale, 1).is_deprecated
    assert not registry.may_promote(on_sale, 1)
    with ape.reverts("terms: version is deprecated"):
        registry.set_terms(on_sale, *SOME_TERMS.values(), sender=timelock)
    with ape.reverts("set_alias: version is deprecated"):
        registry.set_alias(on_sale, PRODUCTION, 1, sender=timelock)
    with ape.reverts("deprecate: deprecated already"):
        registry.deprecate(on_sale, version, REASON, sender=timelock)


def test_deprecate__another_version__leaves_the_sale(registry, on_sale, register, timelock):
    terms_id = registry.current_terms(on_sale)
    version = register()
    receipt = registry.deprecate(on_sale, version, REASON, sender=timelock)
    assert receipt.decode_logs(registry.SaleEnded) == []
    assert registry.current_terms(on_sale) == terms_id
    assert not registry.standing(on_sale, 1).is_deprecated
    with ape.reverts("set_alias: version is deprecated"):
        registry.set_alias(on_sale, PRODUCTION, version, sender=timelock)
    registry.set_alias(on_sale, b"archive".ljust(32, b"\0"), version, sender=timelock)


def test_deprecate__the_model__bars_versions_to_come(registry, on_sale, register, timelock):
    registry.deprecate(on_sale, 0, REASON, sender=timelock)
    version = register()
    assert registry.standing(on_sale, version).is_deprecated
    with ape.reverts("set_alias: version is deprecated"):
        registry.set_alias(on_sale, PRODUCTION, version, sender=timelock)
