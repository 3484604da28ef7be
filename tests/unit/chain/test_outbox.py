"""One intent, one transaction: through kills, lost pools, reorganisations and rivals."""

from contextlib import contextmanager

import pytest

from cairn.chain import (
    FeePolicy,
    NodeRefused,
    NodeUnreachable,
    Outbox,
    Reverted,
    Spending,
    State,
    Store,
    StoreBusy,
    spending_of,
)


class Killed(BaseException):
    """The process ends here, with no chance to tidy up."""


@pytest.fixture
def box(store, chain, signer):
    with store.lease(signer.address) as lease:
        yield Outbox(store, chain, signer, lease, chain_id=chain.chain_id)


def test_post__first_time__runs_once(box, store, chain, signer, tally):
    box.post("a", tally.add("x"), chain.head())
    (changed,) = box.tick(chain.head())
    assert changed.state is State.MINED and changed.nonce == 0
    assert tally.counts == {"x": 1}
    assert changed.cost_wei == changed.gas_used * chain.base_fee_wei
    assert spending_of(store, signer.address) == Spending(waiting=0, spent_wei=changed.cost_wei)


def test_post__same_key_again__changes_nothing(box, chain, tally):
    first = box.post("a", tally.add("x"), chain.head())
    second = box.post("a", tally.add("another call"), chain.head())
    assert second.nonce == first.nonce
    box.tick(chain.head())
    box.post("a", tally.add("x"), chain.head())
    assert tally.counts == {"x": 1} and len(chain.broadcasts) == 1


def test_post__contract_would_refuse__keeps_nothing(box, chain, tally):
    with pytest.raises(Reverted, match="add: no name") as refused:
        box.post("a", tally.add(""), chain.head())
    assert refused.value.reason == "add: no name"
    assert box.get("a") is None and chain.broadcasts == []


def test_post__node_silent_before_signing__keeps_nothing(box, chain, tally):
    chain.fail("nonce", NodeUnreachable("gone"))
    with pytest.raises(NodeUnreachable):
        box.post("a", tally.add("x"), chain.head())
    assert box.get("a") is None


def test_post__node_silent_at_broadcast__is_sent_by_the_next_tick(box, chain, tally):
    chain.fail("broadcast", NodeUnreachable("gone"))
    box.post("a", tally.add("x"), chain.head())
    assert tally.counts == {}
    box.tick(chain.head())
    assert tally.counts == {"x": 1}
    assert [one.state for one in box.tick(chain.head())] == [State.MINED]


def test_post__many_before_a_block__have_consecutive_nonces(box, chain, tally):
    chain.auto_mine = False
    nonces = [box.post(f"k{i}", tally.add("x"), chain.head()).nonce for i in range(5)]
    assert nonces == [0, 1, 2, 3, 4]
    chain.mine()
    assert all(one.state is State.MINED for one in box.tick(chain.head()))
    assert tally.counts == {"x": 5}


def test_tick__node_lost_its_pool__sends_the_same_bytes_again(box, chain, tally):
    chain.auto_mine = False
    box.post("a", tally.add("x"), chain.head())
    chain.forget_waiting()
    box.tick(chain.head())
    chain.mine()
    assert tally.counts == {"x": 1}
    assert len(chain.broadcasts) == 2 and chain.broadcasts[0] == chain.broadcasts[1]


def test_tick__stuck_below_the_base_fee__is_replaced_with_the_same_nonce(box, chain, tally):
    chain.auto_mine = False
    box.post("a", tally.add("x"), chain.head())
    chain.base_fee_wei *= 5
    box.tick(chain.head())
    chain.mine()
    (changed,) = box.tick(chain.head())
    assert changed.state is State.MINED and changed.nonce == 0
    assert tally.counts == {"x": 1} and len(chain.broadcasts) == 2


def test_tick__waiting_too_long__offers_more_only_for_the_next_in_line(store, chain, signer, tally):
    chain.auto_mine = False
    with store.lease(signer.address) as lease:
        policy = FeePolicy(replace_after_blocks=2)
        box = Outbox(store, chain, signer, lease, chain_id=chain.chain_id, policy=policy)
        box.post("a", tally.add("x"), chain.head())
        box.post("b", tally.add("x"), chain.head())
        for one in chain.waiting.values():
            assert one.max_fee_wei >= chain.base_fee_wei
        held, chain.base_fee_wei = chain.base_fee_wei, 10**18
        chain.mine(2)
        chain.base_fee_wei = held
        box.tick(chain.head())
        fees = {nonce: one.max_fee_wei for (_, nonce), one in chain.waiting.items()}
        assert fees[0] * 100 >= fees[1] * 125
        chain.mine()
        box.tick(chain.head())
        assert tally.counts == {"x": 2}


def test_tick__at_the_cap__waits_rather_than_pays_more(store, chain, signer, tally):
    chain.auto_mine = False
    with store.lease(signer.address) as lease:
        policy = FeePolicy(cap_wei=2 * chain.base_fee_wei)
        box = Outbox(store, chain, signer, lease, chain_id=chain.chain_id, policy=policy)
        box.post("a", tally.add("x"), chain.head())
        chain.base_fee_wei *= 5
        chain.mine(10)
        box.tick(chain.head())
        assert len(chain.broadcasts) == 1
        chain.base_fee_wei //= 5
        chain.mine()
        box.tick(chain.head())
        assert tally.counts == {"x": 1}


def test_tick__a_variant_that_was_replaced_gets_in__counts(box, chain, tally):
    chain.auto_mine = False
    box.post("a", tally.add("x"), chain.head())
    first = dict(chain.waiting)
    chain.base_fee_wei *= 5
    box.tick(chain.head())
    chain.waiting = first
    chain.base_fee_wei //= 5
    chain.mine()
    (changed,) = box.tick(chain.head())
    assert changed.state is State.MINED and tally.counts == {"x": 1}


def test_tick__contract_refuses_in_the_block__is_final_with_the_reason(box, chain, tally):
    chain.auto_mine = False
    box.post("a", tally.add("x"), chain.head())
    tally.do_add = lambda sender, value, name: (_ for _ in ()).throw(Reverted("add: closed"))
    chain.mine()
    (changed,) = box.tick(chain.head())
    assert changed.state is State.REVERTED and changed.reason == "add: closed"
    assert box.live() == []


def test_tick__not_deep_enough__is_only_included(store, chain, signer, tally):
    with store.lease(signer.address) as lease:
        box = Outbox(store, chain, signer, lease, chain_id=chain.chain_id, confirmations=2)
        box.post("a", tally.add("x"), chain.head())
        (changed,) = box.tick(chain.head())
        assert changed.state is State.INCLUDED
        assert box.tick(chain.head()) == []
        chain.mine(2)
        (changed,) = box.tick(chain.head())
        assert changed.state is State.MINED


def test_tick__block_thrown_away__is_sent_again(store, chain, signer, tally):
    with store.lease(signer.address) as lease:
        box = Outbox(store, chain, signer, lease, chain_id=chain.chain_id, confirmations=3)
        box.post("a", tally.add("x"), chain.head())
        box.tick(chain.head())
        chain.reorganise(1)
        assert tally.counts == {}
        (changed,) = box.tick(chain.head())
        assert changed.state is State.PENDING
        box.tick(chain.head())
        chain.mine(3)
        (changed,) = box.tick(chain.head())
        assert changed.state is State.MINED and tally.counts == {"x": 1}
        assert len(set(chain.broadcasts)) == 1


def test_tick__another_program_took_the_nonce__signs_anew_when_sure(box, chain, signer, tally):
    chain.auto_mine = False
    box.post("a", tally.add("x"), chain.head())
    chain.spend_nonce(signer.address)
    for _ in range(10):  # however often it looks at one block
        assert box.tick(chain.head()) == []
    for _ in range(2):
        chain.mine()
        assert box.tick(chain.head()) == []
    assert box.get("a").nonce == 0
    chain.mine()
    box.tick(chain.head())
    assert box.get("a").nonce == 1
    chain.mine()
    box.tick(chain.head())
    assert box.get("a").state is State.MINED and tally.counts == {"x": 1}


def test_tick__nonce_taken__waits_for_the_confirmations_too(store, chain, signer, tally):
    chain.auto_mine = False
    with store.lease(signer.address) as lease:
        box = Outbox(store, chain, signer, lease, chain_id=chain.chain_id, confirmations=5)
        box.post("a", tally.add("x"), chain.head())
        chain.spend_nonce(signer.address)
        box.tick(chain.head())
        for _ in range(7):
            chain.mine()
            box.tick(chain.head())
            assert box.get("a").nonce == 0
        chain.mine()
        box.tick(chain.head())
        assert box.get("a").nonce == 1


def test_tick__nonce_found_free_again__counts_anew(box, chain, signer, tally):
    chain.auto_mine = False
    box.post("a", tally.add("x"), chain.head())
    chain.spend_nonce(signer.address)
    box.tick(chain.head())
    chain.nonces[signer.address] = 0  # that block was rewritten
    box.tick(chain.head())
    chain.waiting = {}
    chain.spend_nonce(signer.address)
    chain.mine(10)
    box.tick(chain.head())
    assert box.get("a").nonce == 0


def test_tick__node_behind__fills_no_nonce_of_ours(box, chain, signer, tally):
    """One node has mined our first; another, asked next, has not, and the second looks stranded."""
    box.post("a", tally.add("x"), chain.head())
    box.tick(chain.head())
    chain.auto_mine = False
    box.post("b", tally.add("x"), chain.head())
    nonce = chain.nonce
    chain.nonce = lambda account, *, pending=False: 0
    for _ in range(8):
        box.tick(chain.head())
        chain.blocks.append(type(chain.blocks[-1])(len(chain.blocks), chain.timestamp, b"x"))
    chain.nonce = nonce
    assert len(set(chain.broadcasts)) == 2


def test_tick__receipt_comes_late__does_not_sign_anew(box, chain, tally):
    box.post("a", tally.add("x"), chain.head())
    receipt, chain.receipt = chain.receipt, lambda tx_hash: None
    box.tick(chain.head())
    box.tick(chain.head())
    chain.receipt = receipt
    (changed,) = box.tick(chain.head())
    assert changed.state is State.MINED and tally.counts == {"x": 1}


def test_tick__gap_left_by_another_program__is_filled(box, chain, signer, tally):
    chain.auto_mine = False
    rival = object()
    chain.waiting[signer.address, 0] = rival  # counted by the node, then lost
    assert box.post("a", tally.add("x"), chain.head()).nonce == 1
    del chain.waiting[signer.address, 0]
    for _ in range(5):
        box.tick(chain.head())
        chain.mine()
    box.tick(chain.head())
    assert box.get("a").state is State.MINED and tally.counts == {"x": 1}


def test_tick__node_refuses_for_want_of_funds__keeps_trying(box, chain, tally):
    chain.fail("broadcast", *[NodeRefused("eth_sendRawTransaction", "insufficient funds")] * 3)
    box.post("a", tally.add("x"), chain.head())
    for _ in range(3):
        box.tick(chain.head())
    assert tally.counts == {"x": 1}


def test_lease__taken__is_refused_to_a_second_process(store, url, signer):
    with store.lease(signer.address), pytest.raises(StoreBusy, match="another process"):
        Store(url).lease(signer.address)
    Store(url).lease(signer.address).release()


def test_post__lease_lost_unnoticed__is_refused(store, url, chain, signer, tally):
    lease = store.lease(signer.address)
    box = Outbox(store, chain, signer, lease, chain_id=chain.chain_id)
    lease.release()
    with Store(url).lease(signer.address), pytest.raises(StoreBusy, match="taken over"):
        box.post("a", tally.add("x"), chain.head())
    assert chain.broadcasts == []


class Boundaries:
    """Counts the places where a kill makes a difference, and kills at one of them."""

    def __init__(self, fatal: int) -> None:
        self.left = fatal

    def pass_(self, *_: object) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed


def mortal(store: Store, boundaries: Boundaries) -> Store:
    begin = store.begin

    @contextmanager
    def dangerous():
        with begin() as db:
            yield db
            boundaries.pass_()  # before the commit: all is rolled back
        boundaries.pass_()  # after it: all is kept

    store.begin = dangerous
    return store


def test_post_and_tick__killed_at_every_boundary__runs_exactly_once(url, chain, signer, tally):
    deaths = 0
    for fatal in range(1, 200):
        boundaries = Boundaries(fatal)
        name = f"intent {fatal}"
        chain.on_broadcast = boundaries.pass_
        died = False
        store = mortal(Store(url), boundaries)
        lease = None
        try:
            lease = store.lease(signer.address)
            box = Outbox(store, chain, signer, lease, chain_id=chain.chain_id)
            box.post(name, tally.add(name), chain.head())
            box.tick(chain.head())
            box.tick(chain.head())
        except Killed:
            died = True
        finally:
            if lease is not None:
                lease.release()  # as the operating system does for the dead
            store.close()
        chain.on_broadcast = lambda when, raw: None
        store = Store(url)
        with store.lease(signer.address) as lease:
            box = Outbox(store, chain, signer, lease, chain_id=chain.chain_id)
            box.post(name, tally.add(name), chain.head())
            for _ in range(3):
                box.tick(chain.head())
            assert box.get(name).state is State.MINED
            assert box.live() == []
        store.close()
        assert tally.counts[name] == 1
        deaths += died
        if not died:
            break
    assert not died and deaths == 10  # five commits and broadcasts, before and after each
