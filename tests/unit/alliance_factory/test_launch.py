from dataclasses import replace

import ape
import pytest

from scripts.deploy import AllianceSettings, launch_alliance
from tests.conftest import SOME_CID

SHARE = 10**18
SALT = b"\x01" * 32
NOBODY = "0x0000000000000000000000000000000000000000"


@pytest.fixture
def settings(founders):
    return AllianceSettings("Others", "OTH", {founder.address: 100 * SHARE for founder in founders})


@pytest.fixture
def factory(system):
    return system.alliance_factory


def with_(founding, position, value):
    """A founding with one thing changed."""
    return (*founding[:position], value, *founding[position + 1 :])


def test_launch__in_bounds__wires_the_alliance(system, stranger, founders, settings, project):
    factory = system.alliance_factory
    founding = with_(settings.founding(), 13, SOME_CID)
    foreseen = factory.launch.call(founding, SALT, sender=stranger)
    receipt = factory.launch(founding, SALT, sender=stranger)
    [launched] = receipt.decode_logs(factory.AllianceLaunched)
    charter = project.Charter.at(launched.charter)
    assert charter.address == foreseen
    assert charter.constitution() == launched.constitution == SOME_CID
    assert factory.charter_of(launched.alliance) == charter
    assert launched.launcher == stranger
    assert (launched.name, launched.symbol) == ("Others", "OTH")

    token = project.ShareToken.at(launched.shares)
    timelock = project.Timelock.at(launched.alliance)
    governor = project.Governor.at(launched.governor)
    parts = (charter.shares(), charter.timelock(), charter.governor())
    assert parts == (token, timelock, governor)
    assert (token.timelock(), token.rounds()) == (timelock, system.training_rounds)
    assert (governor.token(), governor.timelock()) == (token, timelock)
    assert timelock.governor() == governor
    assert token.totalSupply() == 300 * SHARE
    assert [token.getVotes(founder) for founder in founders] == [100 * SHARE] * 3
    assert (governor.quorumNumerator(), timelock.getMinDelay()) == (20, 86_400)


def test_launch__done__leaves_nobody_else_in_power(factory, stranger, settings, project):
    receipt = factory.launch(settings.founding(), SALT, sender=stranger)
    [launched] = receipt.decode_logs(factory.AllianceLaunched)
    charter = launched.charter
    timelock = project.Timelock.at(launched.alliance)
    roles = (
        timelock.DEFAULT_ADMIN_ROLE(),
        timelock.PROPOSER_ROLE(),
        timelock.EXECUTOR_ROLE(),
        timelock.CANCELLER_ROLE(),
    )
    for account in (factory, stranger, charter, timelock, NOBODY, launched.shares):
        assert not any(timelock.hasRole(role, account) for role in roles)
    held = [timelock.hasRole(role, launched.governor) for role in roles]
    assert held == [False, True, True, True]
    # No other role was ever given, to anyone.
    granted = receipt.decode_logs(timelock.RoleGranted)
    assert [(event.role, event.account) for event in granted] == [
        (role, launched.governor) for role in roles[1:]
    ]
    token = project.ShareToken.at(launched.shares)
    assert token.balanceOf(stranger) == token.balanceOf(factory) == token.balanceOf(charter) == 0


@pytest.mark.parametrize("launcher", ["factory", "stranger", "caller"])
def test_launch__done__launcher_and_factory_are_refused(
    factory, stranger, caller, accounts, settings, project, launcher
):
    receipt = factory.launch(settings.founding(), SALT, sender=stranger)
    [launched] = receipt.decode_logs(factory.AllianceLaunched)
    actor = {
        "stranger": stranger,
        "factory": accounts[factory.address],
        "caller": accounts[caller.address],
    }[launcher]
    actor.balance += 10**18
    token = project.ShareToken.at(launched.shares)
    timelock = project.Timelock.at(launched.alliance)
    governor = project.Governor.at(launched.governor)
    for attempt in (
        lambda: token.mint(actor, SHARE, sender=actor),
        lambda: token.set_cap(10**27, sender=actor),
        lambda: timelock.schedule(token, 0, b"", b"", b"", 86_400, sender=actor),
        lambda: timelock.updateDelay(60, sender=actor),
        lambda: governor.setVotingDelay(60, sender=actor),
        lambda: governor.updateQuorumNumerator(1, sender=actor),
        lambda: project.Charter.at(launched.charter).amend(SOME_CID, sender=actor),
    ):
        with ape.reverts():
            attempt()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"voting_delay_s": 0}, "governor: voting delay too short"),
        ({"voting_delay_s": 30 * 86_400 + 1}, "governor: voting delay too long"),
        ({"voting_period_s": 59}, "governor: voting period too short"),
        ({"voting_period_s": 60 * 86_400 + 1}, "governor: voting period too long"),
        ({"proposal_threshold": 30 * SHARE + 1}, "governor: threshold above a tenth"),
        ({"quorum_percent": 0}, "governor: quorum too small"),
        ({"quorum_percent": 51}, "governor: quorum too large"),
        ({"late_quorum_extension_s": 14 * 86_400 + 1}, "governor: extension too long"),
        ({"timelock_delay_s": 59}, "timelock: delay too short"),
        ({"timelock_delay_s": 30 * 86_400 + 1}, "timelock: delay too long"),
        ({"cap": 2**94}, "share: cap too large"),
        ({"cap": 299 * SHARE}, "share: founders above the cap"),
        ({"stream_period_s": 3_599}, "share: stream too short"),
        ({"stream_period_s": 90 * 86_400 + 1}, "share: stream too long"),
        ({"currency": NOBODY}, "share: currency is no contract"),
        ({"holders": {}}, "share: less than one share"),
    ],
)
def test_launch__out_of_bounds__reverts(deployer, system, settings, changes, reason):
    with ape.reverts(reason):
        launch_alliance(deployer, system, replace(settings, **changes))


def test_launch__constitution_is_no_cid__reverts(factory, stranger, settings):
    with ape.reverts("charter: constitution is no cid"):
        factory.launch(with_(settings.founding(), 13, b"rules"), SALT, sender=stranger)


def test_launch__founders_unlike_amounts__reverts(factory, stranger, settings):
    with ape.reverts("share: founders unlike amounts"):
        factory.launch(with_(settings.founding(), 6, [SHARE]), SALT, sender=stranger)


def test_launch__same_caller_and_salt_again__reverts(factory, stranger, settings):
    founding = settings.founding()
    factory.launch(founding, SALT, sender=stranger)
    with ape.reverts():
        factory.launch(founding, SALT, sender=stranger)


def test_launch__by_another__has_other_addresses(factory, stranger, requester, settings):
    founding = settings.founding()
    theirs = factory.launch.call(founding, SALT, sender=stranger)
    factory.launch(founding, SALT, sender=requester)
    assert factory.launch.call(founding, SALT, sender=stranger) == theirs


def test_charter_of__launched_elsewhere__is_empty(factory, stranger):
    assert factory.charter_of(stranger) == NOBODY


def test_construction__without_blueprint__reverts(project, deployer, system, stranger):
    factory = system.alliance_factory
    blueprints = [factory.CHARTER(), factory.SHARE_TOKEN(), factory.TIMELOCK(), factory.GOVERNOR()]
    for position in range(4):
        given = [*blueprints]
        given[position] = stranger.address
        with ape.reverts("factory: blueprint is missing"):
            deployer.deploy(project.AllianceFactory, *given, system.training_rounds)
    with ape.reverts("factory: rounds is zero"):
        deployer.deploy(project.AllianceFactory, *blueprints, NOBODY)
