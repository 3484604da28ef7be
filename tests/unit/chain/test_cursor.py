import pytest

from cairn.chain import LogCursor, NodeBehind, NodeRefused, NodeUnreachable, WrongNetwork


@pytest.fixture
def cursor(store, chain, tally):
    def make(**settings):
        return LogCursor(store, chain, "test", [tally.address], tally.topics(), **settings)

    return make


def add(chain, tally, *names):
    for name in names:
        chain.act("0x" + "22" * 20, tally.add(name))


def names_into(seen, tally):
    return lambda db, logs: seen.extend(tally.decode(log).name for log in logs)


def test_advance__new_logs__are_handled_once_in_order(cursor, chain, tally):
    seen = []
    add(chain, tally, "a", "b")
    one = cursor()
    assert one.advance(chain.head(), names_into(seen, tally))
    add(chain, tally, "c")
    one.advance(chain.head(), names_into(seen, tally))
    one.advance(chain.head(), names_into(seen, tally))
    assert seen == ["a", "b", "c"]


def test_advance__made_again__goes_on_where_it_was(cursor, chain, tally):
    seen = []
    add(chain, tally, "a")
    cursor().advance(chain.head(), names_into(seen, tally))
    add(chain, tally, "b")
    cursor(first_block=0).advance(chain.head(), names_into(seen, tally))
    assert seen == ["a", "b"]


def test_advance__handler_fails__the_page_comes_again(cursor, chain, tally):
    seen = []
    add(chain, tally, "a")
    one = cursor()

    def fail(db, logs):
        raise RuntimeError

    with pytest.raises(RuntimeError):
        one.advance(chain.head(), fail)
    cursor().advance(chain.head(), names_into(seen, tally))
    assert seen == ["a"]


def test_advance__page_refused__shrinks_then_grows_back(cursor, chain, tally):
    seen = []
    add(chain, tally, *"abcdefgh")
    chain.mine(40)
    chain.most_blocks_a_page = 3
    one = cursor(page_blocks=16)
    one.advance(chain.head(), names_into(seen, tally))
    assert seen == list("abcdefgh")
    assert one.page_blocks <= 5
    chain.most_blocks_a_page = None
    for _ in range(8):
        chain.mine()
        one.advance(chain.head(), names_into(seen, tally))
    assert one.page_blocks == 16 and seen == list("abcdefgh")


def test_advance__one_block_refused__says_so_and_loses_nothing(cursor, chain, tally):
    seen = []
    add(chain, tally, "a", "b", "c")
    chain.fail("logs", *[NodeRefused("eth_getLogs", "no")] * 10)
    one = cursor(page_blocks=4)
    with pytest.raises(NodeRefused):
        one.advance(chain.head(), names_into(seen, tally))
    chain.faults.clear()
    one.advance(chain.head(), names_into(seen, tally))
    assert seen == ["a", "b", "c"]


def test_advance__node_silent__asks_for_less_next_time(cursor, chain, tally):
    add(chain, tally, "a", "b", "c")
    chain.fail("logs", NodeUnreachable("time-out"))
    one = cursor(page_blocks=4)
    with pytest.raises(NodeUnreachable):
        one.advance(chain.head(), names_into([], tally))
    assert one.page_blocks == 2


def test_advance__block_not_deep_enough__waits(cursor, chain, tally):
    seen = []
    add(chain, tally, "a")
    one = cursor(confirmations=2)
    one.advance(chain.head(), names_into(seen, tally))
    assert seen == []
    chain.mine(2)
    one.advance(chain.head(), names_into(seen, tally))
    assert seen == ["a"]


def test_advance__reorganised_within_confirmations__sees_only_what_stayed(cursor, chain, tally):
    seen = []
    one = cursor(confirmations=2)
    add(chain, tally, "a", "b", "lost")
    one.advance(chain.head(), names_into(seen, tally))
    chain.reorganise(1)
    chain.mine(3)
    one.advance(chain.head(), names_into(seen, tally))
    assert seen == ["a", "b"]


def test_advance__chain_rewritten_deeper__refuses_to_go_on(cursor, chain, tally):
    add(chain, tally, "a", "b")
    one = cursor()
    one.advance(chain.head(), names_into([], tally))
    chain.reorganise(2)
    chain.mine()
    with pytest.raises(WrongNetwork, match="begun anew"):
        one.advance(chain.head(), names_into([], tally))


def test_advance__some_pages_only__tells_that_more_is_left(cursor, chain, tally):
    seen = []
    add(chain, tally, *"abcd")  # from block 2
    one = cursor(first_block=1, page_blocks=2)
    assert not one.advance(chain.head(), names_into(seen, tally), pages=2)
    assert seen == ["a", "b", "c"]
    assert one.advance(chain.head(), names_into(seen, tally))
    assert seen == list("abcd")


def test_advance__chain_ends_before_what_was_read__says_so(cursor, chain, tally):
    add(chain, tally, "a", "b", "c")
    one = cursor()
    one.advance(chain.head(), names_into([], tally))
    read = one.next_block - 1
    del chain.blocks[-2:]
    with pytest.raises(NodeBehind, match=f"newest block is {read - 2} .* up to block {read}"):
        one.advance(chain.head(), names_into([], tally))
    assert one.next_block == read + 1


def test_advance__nothing_new_or_within_confirmations__is_no_error(cursor, chain, tally):
    add(chain, tally, "a", "b", "c")
    one = cursor(confirmations=1)
    one.advance(chain.head(), names_into([], tally))
    assert one.advance(chain.head(), names_into([], tally))
    del chain.blocks[-1:]  # another node of a balancer's, one block late
    assert one.advance(chain.head(), names_into([], tally))


def test_advance__chain_ends_before_the_first_block__says_so(cursor, chain, tally):
    one = cursor(first_block=50)
    with pytest.raises(NodeBehind, match="begins at block 50"):
        one.advance(chain.head(), names_into([], tally))


class Balancer:
    """Two nodes behind one endpoint: logs come from one that is some blocks behind the other."""

    def __init__(self, chain, lag: int) -> None:
        self.chain, self.lag = chain, lag

    def __getattr__(self, name):
        return getattr(self.chain, name)

    def logs(self, addresses, topics, first, last):
        newest = self.chain.blocks[-1].number - self.lag
        return self.chain.logs(addresses, topics, first, min(last, newest))


def test_advance__logs_from_a_node_that_lags__are_found_later(store, chain, tally):
    seen = set()

    def handle(db, logs):
        seen.update(tally.decode(log).name for log in logs)

    balancer = Balancer(chain, lag=1)
    one = LogCursor(store, balancer, "t", [tally.address], tally.topics(), overlap_blocks=4)
    add(chain, tally, "a", "b")
    one.advance(chain.head(), handle)
    assert seen == {"a"}
    assert one.next_block == chain.blocks[-1].number + 1
    balancer.lag = 0
    chain.mine()
    one.advance(chain.head(), handle)
    assert seen == {"a", "b"}


def test_advance__block_rewritten_while_its_logs_are_read__reads_them_again(store, chain, tally):
    seen = []
    add(chain, tally, "a")
    one = LogCursor(store, chain, "t", [tally.address], tally.topics())
    logs = chain.logs

    def rewritten(*arguments):
        found = logs(*arguments)
        chain.logs = logs
        chain.reorganise(1)
        add(chain, tally, "b")
        del chain.blocks[-2]  # a block of the same number, with another log
        chain.blocks[-1].number -= 1
        return found

    chain.logs = rewritten
    head = chain.head()
    with pytest.raises(NodeUnreachable, match="rewritten"):
        one.advance(head, names_into(seen, tally))
    assert seen == [] and one.next_block == 0


@pytest.mark.parametrize("page_blocks", [1, 2, 3, 100])
def test_advance__overlap__holds_pages_to_the_most_that_is_allowed(
    store, chain, tally, page_blocks
):
    seen = []
    add(chain, tally, *"abcdefgh")
    chain.most_blocks_a_page = page_blocks
    one = LogCursor(
        store, chain, "t", [tally.address], tally.topics(), page_blocks=64, overlap_blocks=8
    )
    one.advance(chain.head(), names_into(seen, tally))
    assert sorted(set(seen)) == list("abcdefgh")
    assert one.next_block == chain.blocks[-1].number + 1


def test_advance__many_contracts__are_asked_about_by_the_hundreds(store, chain, tally):
    """An alliance adds two contracts, and endpoints bound the list; the order stays the chain's."""
    seen, asked, logs = [], [], chain.logs
    add(chain, tally, "a", "b")

    def counted(addresses, *arguments):
        asked.append(len(addresses))
        return logs(addresses, *arguments)

    chain.logs = counted
    others = [f"0x{number:040x}" for number in range(1, 450)]
    one = LogCursor(store, chain, "t", [*others, tally.address], tally.topics())
    one.advance(chain.head(), names_into(seen, tally))
    assert seen == ["a", "b"] and asked == [200, 200, 50]


def test_advance__another_node_lacks_the_block_read_last__is_waited_for(cursor, chain, tally):
    """Behind a balancer, or while it loads its chain: a head was shown whose history is not there."""
    add(chain, tally, "a", "b")
    one, seen = cursor(), []
    one.advance(chain.head(), names_into(seen, tally))
    add(chain, tally, "c")
    head, newest = chain.head(), chain.blocks[-3:]
    del chain.blocks[-3:]
    with pytest.raises(NodeUnreachable, match="has it not"):
        one.advance(head, names_into(seen, tally))
    chain.blocks.extend(newest)
    one.advance(head, names_into(seen, tally))
    assert seen == ["a", "b", "c"]
