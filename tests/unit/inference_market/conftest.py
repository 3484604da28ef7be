import pytest

PRICE = 10**18
WINDOW_S = 3_600
LOCK_WEI = 2 * 10**18


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
    from cairn.domain.integers import pack_features

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
