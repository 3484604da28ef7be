import ape

from scripts.deploy import AllianceSettings, launch_alliance
from tests.unit.governor.conftest import SHARE


def test_construction__in_bounds__is_as_told(governor, token, lock):
    assert (governor.name(), governor.version()) == ("Pioneers", "1")
    assert (governor.token(), governor.timelock()) == (token, lock)
    assert governor.COUNTING_MODE() == "support=bravo&quorum=for,abstain"
    assert governor.CLOCK_MODE() == token.CLOCK_MODE() == "mode=timestamp"
    assert governor.clock() == token.clock()
    assert (governor.votingDelay(), governor.votingPeriod()) == (3_600, 3 * 86_400)
    assert (governor.proposalThreshold(), governor.lateQuorumVoteExtension()) == (SHARE, 86_400)
    assert (governor.quorumNumerator(), governor.quorumDenominator()) == (20, 100)
    for interface_id in ("0x01ffc9a7", "0x65455a86", "0xcdbdfcee", "0x4e2312e0"):
        assert governor.supportsInterface(interface_id)
    assert not governor.supportsInterface("0xffffffff")


def test_construction__of_other_contracts__reverts(deployer, project, alliance, system, founders):
    other = launch_alliance(
        deployer, system, AllianceSettings("Others", "OTH", {founders[0].address: SHARE * 100})
    )
    settings = (3_600, 86_400, 0, 20, 0)
    with ape.reverts("governor: token of another timelock"):
        deployer.deploy(project.Governor, "x", other.share_token, alliance.timelock, *settings)
    with ape.reverts("governor: timelock of another"):
        deployer.deploy(project.Governor, "x", alliance.share_token, alliance.timelock, *settings)


def test_settings__out_of_bounds__reverts(governor, timelock):
    for method, argument, reason in (
        (governor.setVotingDelay, 0, "governor: voting delay too short"),
        (governor.setVotingDelay, 30 * 86_400 + 1, "governor: voting delay too long"),
        (governor.setVotingPeriod, 59, "governor: voting period too short"),
        (governor.setVotingPeriod, 60 * 86_400 + 1, "governor: voting period too long"),
        (governor.setProposalThreshold, 30 * SHARE + 1, "governor: threshold above a tenth"),
        (governor.updateQuorumNumerator, 0, "governor: quorum too small"),
        (governor.updateQuorumNumerator, 51, "governor: quorum too large"),
        (governor.setLateQuorumVoteExtension, 14 * 86_400 + 1, "governor: extension too long"),
    ):
        with ape.reverts(reason):
            method(argument, sender=timelock)


def test_settings__at_their_bounds__are_kept_apart(governor, timelock):
    governor.setVotingDelay(30 * 86_400, sender=timelock)
    governor.setVotingPeriod(60 * 86_400, sender=timelock)
    governor.setProposalThreshold(30 * SHARE, sender=timelock)
    governor.setLateQuorumVoteExtension(14 * 86_400, sender=timelock)
    assert (governor.votingDelay(), governor.votingPeriod()) == (30 * 86_400, 60 * 86_400)
    assert governor.proposalThreshold() == 30 * SHARE
    assert governor.lateQuorumVoteExtension() == 14 * 86_400
