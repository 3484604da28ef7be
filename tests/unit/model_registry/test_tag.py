import ape
import pytest
from eth_utils import keccak

SIXTEEN = [f"tag-{i}" for i in range(16)]


def test_tag__stranger__reverts(registry, model_id, refused_to_outsiders):
    reason = "registry: caller is not alliance"
    refused_to_outsiders(registry.tag, model_id, ["air"], reason=reason)
    refused_to_outsiders(registry.untag, model_id, ["air"], reason=reason)


def test_tag__new_ones__are_found_by_their_hash(registry, model_id, timelock):
    receipt = registry.tag(model_id, ["air", "gas-resistance"], sender=timelock)
    events = receipt.decode_logs(registry.Tagged)
    assert [(bytes(e.tag_hash), e.model_id, e.tag) for e in events] == [
        (keccak(text=tag), model_id, tag) for tag in ("air", "gas-resistance")
    ]
    [found] = [log for log in receipt.logs if keccak(text="air") in map(bytes, log["topics"])]
    assert found["address"] == registry.address
    assert registry.has_tag(model_id, "air") and not registry.has_tag(model_id, "ai")
    assert registry.n_tags(model_id) == 2


def test_tag__again__says_nothing(registry, model_id, timelock):
    registry.tag(model_id, ["air"], sender=timelock)
    receipt = registry.tag(model_id, ["air", "air"], sender=timelock)
    assert receipt.decode_logs(registry.Tagged) == []
    assert registry.n_tags(model_id) == 1


def test_untag__tagged__is_gone(registry, model_id, timelock):
    registry.tag(model_id, ["air", "indoor"], sender=timelock)
    receipt = registry.untag(model_id, ["air"], sender=timelock)
    [event] = receipt.decode_logs(registry.Untagged)
    assert (bytes(event.tag_hash), event.tag) == (keccak(text="air"), "air")
    assert not registry.has_tag(model_id, "air")
    assert registry.n_tags(model_id) == 1
    with ape.reverts("untag: no such tag"):
        registry.untag(model_id, ["indoor", "indoor"], sender=timelock)


def test_tag__more_than_sixteen__reverts(registry, model_id, timelock):
    registry.tag(model_id, SIXTEEN, sender=timelock)
    with ape.reverts("tag: too many tags"):
        registry.tag(model_id, ["one-more"], sender=timelock)
    registry.untag(model_id, SIXTEEN[:1], sender=timelock)
    registry.tag(model_id, ["one-more"], sender=timelock)


@pytest.mark.parametrize("tag", ["Air", "air quality", "luft-ä", "a_b", "a\0"])
def test_tag__another_spelling__reverts(registry, model_id, timelock, tag):
    with ape.reverts("tag: only a-z, 0-9 and hyphens"):
        registry.tag(model_id, [tag], sender=timelock)


def test_tag__empty__reverts(registry, model_id, timelock):
    with ape.reverts("tag: empty"):
        registry.tag(model_id, [""], sender=timelock)
