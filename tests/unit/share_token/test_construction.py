import ape
import pytest

from scripts._system import NATIVE
from tests.unit.share_token.conftest import PERIOD_S, SHARE

ZERO = "0x" + "00" * 20


@pytest.fixture
def arguments(founders, stranger, caller):
    return {
        "name": "Pioneers",
        "symbol": "PIO",
        "currency": NATIVE,
        "timelock": stranger.address,
        "rounds": caller.address,
        "cap": 1_000 * SHARE,
        "stream_period_s": PERIOD_S,
        "holders": [founder.address for founder in founders],
        "amounts": [SHARE, 2 * SHARE, 3 * SHARE],
    }


def test_construction__in_bounds__is_as_told(deployer, project, arguments, founders, stranger):
    token = deployer.deploy(project.ShareToken, *arguments.values())
    assert (token.name(), token.symbol(), token.decimals()) == ("Pioneers", "PIO", 18)
    assert (token.currency(), token.timelock(), token.rounds()) == (
        NATIVE, stranger, arguments["rounds"],
    )  # fmt: skip
    assert (token.cap(), token.stream_period_s()) == (1_000 * SHARE, PERIOD_S)
    assert [token.balanceOf(founder) for founder in founders] == arguments["amounts"]
    assert [token.getVotes(founder) for founder in founders] == arguments["amounts"]
    assert token.totalSupply() == 6 * SHARE


def test_construction__a_founder_named_twice__holds_both(deployer, project, arguments, founders):
    arguments["holders"][1] = founders[0].address
    token = deployer.deploy(project.ShareToken, *arguments.values())
    assert token.balanceOf(founders[0]) == token.getVotes(founders[0]) == 3 * SHARE
    assert token.delegates(founders[0]) == founders[0]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"timelock": ZERO}, "share: minter is zero"),
        ({"rounds": ZERO}, "share: minter is zero"),
        ({"currency": "0x" + "12" * 20}, "share: currency is no contract"),
        ({"cap": 2**94}, "share: cap too large"),
        ({"cap": 6 * SHARE - 1}, "share: founders above the cap"),
        ({"stream_period_s": 3_599}, "share: stream too short"),
        ({"stream_period_s": 90 * 86_400 + 1}, "share: stream too long"),
        ({"amounts": [SHARE]}, "share: founders unlike amounts"),
        ({"amounts": [SHARE, 0, SHARE]}, "share: founder without shares"),
        ({"amounts": [1, 1, 1]}, "share: less than one share"),
        ({"holders": [], "amounts": []}, "share: less than one share"),
        ({"holders": [ZERO], "amounts": [SHARE]}, "share: receiver cannot hold"),
    ],
)
def test_construction__out_of_bounds__reverts(deployer, project, arguments, changes, reason):
    with ape.reverts(reason):
        deployer.deploy(project.ShareToken, *(arguments | changes).values())
