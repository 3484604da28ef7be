import ape

from tests.conftest import PRODUCTION
from tests.unit.model_registry.conftest import SOME_TERMS


def test_set_terms__stranger__reverts(registry, on_sale, refused_to_outsiders):
    refused_to_outsiders(
        registry.set_terms,
        on_sale,
        *SOME_TERMS.values(),
        reason="registry: caller is not alliance",
    )


def test_set_terms__in_bounds__are_in_force_and_kept(
    registry, on_sale, timelock, published_program
):
    first = registry.current_terms(on_sale)
    changed = SOME_TERMS | {"price": 5, "window_s": 7 * 86_400, "lock_wei": 2**96 - 1}
    registry.set_terms(on_sale, *changed.values(), sender=timelock)
    second = registry.current_terms(on_sale)
    assert second == first + 1 == registry.n_terms()
    for terms_id, expected in ((first, SOME_TERMS), (second, changed)):
        terms = registry.terms(terms_id)
        assert {name: terms[name] for name in expected} == expected
        assert (terms.model_id, terms.version) == (on_sale, 1)
        assert terms.program_hash == published_program.hash
        assert terms.n_features == published_program.n_features


def test_set_terms__out_of_bounds__reverts(registry, on_sale, timelock):
    for changes, reason in [
        ({"price": 2**96}, "set_terms: price too high"),
        ({"operator_bps": 10_001}, "set_terms: operator part above all"),
        ({"operator_bps": 5_001}, "set_terms: parts above all"),
        ({"window_s": 599}, "set_terms: window too short"),
        ({"window_s": 7 * 86_400 + 1}, "set_terms: window too long"),
        ({"lock_wei": 10**18 - 1}, "set_terms: lock too small"),
        ({"lock_wei": 2**96}, "set_terms: lock too large"),
    ]:
        with ape.reverts(reason):
            registry.set_terms(on_sale, *(SOME_TERMS | changes).values(), sender=timelock)


def test_set_terms__policy_of_the_alliance__is_named_by_the_terms(
    registry, on_sale, timelock, policy
):
    policy_id = policy()
    registry.set_terms(on_sale, *(SOME_TERMS | {"policy_id": policy_id}).values(), sender=timelock)
    terms = registry.terms(registry.current_terms(on_sale))
    assert terms.policy_id == policy_id != 0
    # Those that share its word are what they were.
    assert (terms.lock_wei, terms.n_features) == (SOME_TERMS["lock_wei"], 4)


def test_set_terms__policy_that_is_not_there__reverts(registry, on_sale, timelock, policy):
    for unknown in (policy() + 1, 2**64, 2**256 - 1):
        with ape.reverts("set_terms: policy of another"):
            registry.set_terms(
                on_sale, *(SOME_TERMS | {"policy_id": unknown}).values(), sender=timelock
            )


def test_set_terms__no_production_version__reverts(registry, model_id, register, timelock):
    register()
    with ape.reverts("set_terms: no production version"):
        registry.set_terms(model_id, *SOME_TERMS.values(), sender=timelock)


def test_set_terms__program_not_published__reverts(registry, model_id, register, timelock):
    version = register(program_hash=bytes([9]) * 32)
    registry.set_alias(model_id, PRODUCTION, version, sender=timelock)
    with ape.reverts("terms: program not published"):
        registry.set_terms(model_id, *SOME_TERMS.values(), sender=timelock)


def test_end_sale__stranger__reverts(registry, on_sale, refused_to_outsiders):
    refused_to_outsiders(registry.end_sale, on_sale, reason="registry: caller is not alliance")


def test_end_sale__on_sale__keeps_old_terms_readable(registry, on_sale, timelock):
    terms_id = registry.current_terms(on_sale)
    assert registry.last_terms(on_sale) == terms_id
    registry.end_sale(on_sale, sender=timelock)
    assert registry.current_terms(on_sale) == 0
    assert registry.sale(on_sale).terms_id == 0
    assert registry.last_terms(on_sale) == terms_id
    assert registry.terms(terms_id).model_id == on_sale
    with ape.reverts("end_sale: not on sale"):
        registry.end_sale(on_sale, sender=timelock)
    registry.set_terms(on_sale, *SOME_TERMS.values(), sender=timelock)
    assert registry.current_terms(on_sale) == registry.last_terms(on_sale) == terms_id + 1


def test_last_terms__never_on_sale__are_none(registry, model_id):
    assert registry.current_terms(model_id) == registry.last_terms(model_id) == 0


def test_terms__unknown__reverts(registry):
    for unknown in (0, registry.n_terms() + 1):
        with ape.reverts("terms: unknown terms"):
            registry.terms(unknown)
