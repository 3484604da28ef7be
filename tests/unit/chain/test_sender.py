"""One transaction, waited for: its hash is told whatever happens after it was sent."""

import re

import pytest

from cairn.chain import NodeRefused, NodeUnreachable, Reverted, Sender

HASH = re.compile("0x[0-9a-f]{64}")


@pytest.fixture
def sender(chain, signer):
    return Sender(chain, signer, chain_id=chain.chain_id, timeout_s=5, poll_interval_s=0)


def silent_after_sending(chain, *errors) -> None:
    chain.on_broadcast = lambda when, raw: when == "after" and chain.fail("receipt", *errors)


def test_send__node_silent_for_a_while__is_waited_for(sender, chain, tally):
    silent_after_sending(chain, NodeUnreachable("gone"), NodeRefused("eth_x", "503"))
    assert sender.send(tally.add("a")).succeeded
    assert tally.counts == {"a": 1}


def test_send__answer_to_the_broadcast_lost__is_waited_for(sender, chain, tally):
    broadcast = chain.broadcast

    def lose(raw):
        chain.broadcast = broadcast
        broadcast(raw)
        raise NodeUnreachable("time-out")

    chain.broadcast = lose
    assert sender.send(tally.add("a")).succeeded
    assert tally.counts == {"a": 1}


def test_send__second_broadcast_refused__is_looked_for(sender, chain, tally):
    """Taken the first time, unheard; mined before the second, which comes with a spent nonce."""
    broadcast, receipt = chain.broadcast, chain.receipt

    def lose(raw):
        chain.broadcast = refuse
        broadcast(raw)
        chain.receipt = lambda tx_hash: None
        raise NodeUnreachable("time-out")

    def refuse(raw):
        chain.receipt = receipt
        raise NodeRefused("eth_sendRawTransaction", "nonce too low")

    chain.broadcast = lose
    assert sender.send(tally.add("a")).succeeded
    assert tally.counts == {"a": 1}


def test_send__refused_at_once__says_so(sender, chain, tally):
    chain.fail("broadcast", NodeRefused("eth_sendRawTransaction", "insufficient funds"))
    with pytest.raises(NodeRefused, match="insufficient funds"):
        sender.send(tally.add("a"))


def test_send__broadcast_lost__is_sent_again(sender, chain, tally):
    chain.fail("broadcast", NodeUnreachable("time-out"))
    assert sender.send(tally.add("a")).succeeded
    assert len(chain.broadcasts) == 1


def test_send__node_gone_for_good__names_the_transaction(chain, signer, tally):
    silent_after_sending(chain, NodeUnreachable("gone"))
    sender = Sender(chain, signer, chain_id=chain.chain_id, timeout_s=0, poll_interval_s=0)
    with pytest.raises(NodeUnreachable, match="was sent.*gone.*look for it") as error:
        sender.send(tally.add("a"))
    assert HASH.search(str(error.value))


def test_send__in_no_block_in_time__names_the_transaction(chain, signer, tally):
    chain.auto_mine = False
    sender = Sender(chain, signer, chain_id=chain.chain_id, timeout_s=0, poll_interval_s=0)
    with pytest.raises(NodeUnreachable, match="was sent, and no block") as error:
        sender.send(tally.add("a"))
    assert HASH.search(str(error.value))


@pytest.mark.parametrize("why", [NodeUnreachable("gone"), None], ids=["silent", "told"])
def test_send__refused_in_its_block__names_the_transaction(sender, chain, tally, why):
    broadcast = chain.broadcast

    def close(raw):
        tally.do_add = lambda *_: (_ for _ in ()).throw(Reverted("add: closed"))
        broadcast(raw)

    chain.broadcast = close
    if why is not None:
        chain.fail("read", why)
    with pytest.raises(Reverted) as error:
        sender.send(tally.add("a"))
    assert error.value.reason == ("" if why else "add: closed")
    assert HASH.search(str(error.value))
