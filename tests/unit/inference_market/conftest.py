from collections.abc import Callable

import pytest

from cairn.domain.answers import AnswerRoot
from cairn.domain.integers import pack_features

PRICE = 10**18
WINDOW_S = 3_600
LOCK_WEI = 2 * 10**18
TURN_S = 15
EPOCH_S = 60
ROOT_GRACE_S = 3_600
ZERO = "0x0000000000000000000000000000000000000000"


@pytest.fixture(scope="session")
def market(system):
    return system.inference_market


@pytest.fixture(scope="session")
def ledger(system):
    return system.stake_ledger


@pytest.fixture
def model_id(model_on_sale):
    """Model on sale at PRICE: 30 % to the operator, 50 % to the holders, 20 % to the treasury."""
    return model_on_sale(
        price=PRICE, operator_bps=3_000, holders_bps=5_000, window_s=WINDOW_S, lock_wei=LOCK_WEI
    )


@pytest.fixture
def serving(ledger, operator, model_id):
    """The operator, staked for two answers and opted in."""
    ledger.deposit(value=2 * LOCK_WEI, sender=operator)
    ledger.opt_in(model_id, sender=operator)
    return operator


@pytest.fixture
def features(published_program):
    return pack_features([100 * (i + 1) for i in range(published_program.n_features)])


@pytest.fixture
def outputs(published_program, features):
    """What the reference interpreter says."""
    return published_program.run_packed(features)


@pytest.fixture
def request_id(market, model_id, features, requester, chain):
    deadline = chain.blocks.head.timestamp + 1_000
    market.request(model_id, features, PRICE, deadline, value=PRICE, sender=requester)
    return market.n_requests()


@pytest.fixture
def answered(market, request_id, serving, outputs):
    market.answer(request_id, outputs, sender=serving)
    return request_id


@pytest.fixture
def lied(market, request_id, serving, outputs):
    """A request answered with the last bit flipped."""
    market.answer(request_id, outputs[:-1] + bytes([outputs[-1] ^ 1]), sender=serving)
    return request_id


@pytest.fixture
def owed(market, alliance):
    """What an account may have from the market, in the alliance's currency."""
    return lambda account: market.owed(account, alliance.share_token.currency())


@pytest.fixture
def second(ledger, accounts, model_id):
    """Another operator, staked for two answers and opted in."""
    account = accounts[7]
    ledger.deposit(value=2 * LOCK_WEI, sender=account)
    ledger.opt_in(model_id, sender=account)
    return account


@pytest.fixture
def two_in_turn(serving, second, pass_time):
    """Both operators, listed for long enough to have turns."""
    pass_time(EPOCH_S)
    return serving, second


@pytest.fixture
def ask(market, model_id, features, requester, chain) -> Callable[..., list[int]]:
    """Make requests, each alive for some time; their ids."""

    def ask_(count: int, life_s: int = 1_000, **names: str) -> list[int]:
        ids = []
        for _ in range(count):
            deadline = chain.blocks.head.timestamp + life_s
            args = (model_id, features, PRICE, deadline, *names.values())
            market.request(*args, value=PRICE, sender=requester)
            ids.append(market.n_requests())
        return ids

    return ask_


@pytest.fixture
def wrong(outputs):
    return outputs[:-1] + bytes([outputs[-1] ^ 1])


@pytest.fixture
def rich(ledger, serving):
    """The operator, with stake for a hundred answers more."""
    ledger.deposit(value=100 * LOCK_WEI, sender=serving)
    return serving


@pytest.fixture
def post(market, system, model_id) -> Callable[..., AnswerRoot]:
    """Have an operator post a root over (request id, outputs) pairs."""

    def post_(operator, answers) -> AnswerRoot:
        terms_id = system.model_registry.current_terms(model_id)
        root = AnswerRoot.of(operator.address, terms_id, answers)
        market.answer_root(terms_id, root.output_bytes, root.leaves, sender=operator)
        return root

    return post_


@pytest.fixture
def challenge_leaf(market, features) -> Callable[..., object]:
    def challenge(root: AnswerRoot, index: int, sender, shown=None):
        return market.challenge_leaf(
            root.root_id,
            index,
            root.group(index),
            list(root.proof(index)),
            features if shown is None else shown,
            sender=sender,
        )

    return challenge
