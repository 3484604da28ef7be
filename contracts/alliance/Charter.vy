# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Charter: the founding act of an alliance
@license Apache-2.0
@notice Creating this contract creates the alliance: its shares, its timelock and its governor, each
        of which names the others for good. Afterwards it only says which they are, and keeps the
        constitution, a text that the alliance replaces by vote.
@dev The three name each other in their constructors, so their addresses must be known before any
     exists: they are the first three contracts of one creator, this one, whatever their code.
     FOUND-1: token, timelock and governor name each other, and no other account has power in them.
     FOUND-2: only the timelock replaces the constitution.
@custom:kill Cannot be stopped: no owner, no upgrade, and no power but that of the timelock over the
             constitution.
"""

from ..interfaces import IAllianceFactory
from ..interfaces import ICharter

implements: ICharter

CID_BYTES: constant(uint256) = 36

shares: public(immutable(address))
timelock: public(immutable(address))
governor: public(immutable(address))

# Binary CIDv1 of the rules in words, or empty; amend writes it.
constitution: reentrant(public(Bytes[36]))


@deploy
def __init__(
    share_token: address,
    timelock_: address,
    governor_: address,
    rounds: address,
    founding: IAllianceFactory.Founding,
):
    """
    @param share_token Blueprint (ERC-5202) of the shares.
    @param timelock_ Blueprint of the timelock.
    @param governor_ Blueprint of the governor.
    @param rounds The training rounds, second minter of the shares.
    @param founding How the alliance begins.
    """
    timelock = self._created(2)
    governor = self._created(3)
    shares = create_from_blueprint(
        share_token,
        founding.name,
        founding.symbol,
        founding.currency,
        self._created(2),
        rounds,
        founding.cap,
        founding.stream_period_s,
        founding.holders,
        founding.amounts,
    )
    hands: address = create_from_blueprint(timelock_, founding.timelock_delay_s, self._created(3))
    brain: address = create_from_blueprint(
        governor_,
        founding.name,
        self._created(1),
        hands,
        founding.voting_delay_s,
        founding.voting_period_s,
        founding.proposal_threshold,
        founding.quorum_percent,
        founding.late_quorum_extension_s,
    )
    assert brain == self._created(3), "charter: addresses differ"

    if len(founding.constitution) != 0:
        self._set_constitution(founding.constitution)


# --- the alliance ---


@external
@reentrant
def amend(constitution: Bytes[36]):
    assert msg.sender == timelock, "charter: only the timelock amends"
    self._set_constitution(constitution)


# --- internal ---


@internal
def _set_constitution(constitution: Bytes[36]):
    assert len(constitution) == CID_BYTES, "charter: constitution is no cid"
    self.constitution = constitution
    log ICharter.ConstitutionAmended(constitution=constitution)


@view
@internal
def _created(nonce: uint256) -> address:
    # The n-th contract that an account creates: keccak256 of the RLP list (account, n), n < 128.
    return convert(
        convert(
            keccak256(
                concat(b"\xd6\x94", convert(self, bytes20), convert(convert(nonce, uint8), bytes1))
            ),
            uint256,
        )
        & (2**160 - 1),
        address,
    )
