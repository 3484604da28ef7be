# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title AllianceFactory: where alliances are launched
@license Apache-2.0
@notice Anyone launches an alliance in one transaction: founders with their shares, a governor, a
        timelock, a currency, a constitution. The factory keeps no power over it, nor does whoever
        launched it; it only remembers that the alliance is made of the code that was reviewed.
@dev FOUND-3: charter_of names only charters that this factory created from its blueprints.
@custom:kill Cannot be stopped: no owner, no upgrade.
"""

from ..interfaces import IAllianceFactory
from ..interfaces import ICharter

implements: IAllianceFactory

CHARTER: public(immutable(address))
SHARE_TOKEN: public(immutable(address))
TIMELOCK: public(immutable(address))
GOVERNOR: public(immutable(address))
ROUNDS: public(immutable(address))

# Timelock -> charter; launch writes it.
charter_of: public(HashMap[address, address])


@deploy
def __init__(
    charter: address, share_token: address, timelock: address, governor: address, rounds: address
):
    """
    @param charter Blueprint (ERC-5202) of Charter.
    @param share_token Blueprint of ShareToken.
    @param timelock Blueprint of Timelock.
    @param governor Blueprint of Governor.
    @param rounds The training rounds, which mint shares of every alliance's token.
    """
    for part: address in [charter, share_token, timelock, governor]:
        assert part.is_contract, "factory: blueprint is missing"
    assert rounds != empty(address), "factory: rounds is zero"
    CHARTER = charter
    SHARE_TOKEN = share_token
    TIMELOCK = timelock
    GOVERNOR = governor
    ROUNDS = rounds


# --- anyone ---


@external
def launch(founding: IAllianceFactory.Founding, salt: bytes32) -> address:
    charter: address = create_from_blueprint(
        CHARTER,
        SHARE_TOKEN,
        TIMELOCK,
        GOVERNOR,
        ROUNDS,
        founding,
        # Bound to the caller: nobody can take the addresses that another has announced.
        salt=keccak256(abi_encode(msg.sender, salt)),
    )
    alliance: address = staticcall ICharter(charter).timelock()
    self.charter_of[alliance] = charter
    log IAllianceFactory.AllianceLaunched(
        alliance=alliance,
        launcher=msg.sender,
        charter=charter,
        shares=staticcall ICharter(charter).shares(),
        governor=staticcall ICharter(charter).governor(),
        name=founding.name,
        symbol=founding.symbol,
        currency=founding.currency,
        constitution=founding.constitution,
    )
    return charter
