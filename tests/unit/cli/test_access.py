"""`cairn access`: what a policy asks for is told, and what is sent is what it asks for."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cairn.chain import Call, Mode, Rules, Terms
from cairn.cli import _access
from cairn.cli._main import run
from cairn.domain.cid import cid_of
from cairn.domain.policy import Limit

ALLIANCE, CALLER, TOKEN = ("0x" + digit * 40 for digit in "123")
HASH = bytes([7]) * 32
TEXT = cid_of(b"be kind")
RULES = Rules(
    Mode.BEARERS,
    authority=TOKEN,
    per_caller=Limit(5, 1, 60),
    terms_hash=HASH,
    terms_cid=TEXT.binary,
)
CREDENTIAL = {
    "issuer": TOKEN, "alliance": ALLIANCE, "subject": CALLER,
    "serial": 3, "expires_at": 2**40, "signature": "0x" + "0a" * 65,
}  # fmt: skip


class Policies:
    """AccessPolicy with one policy; calls tell what was asked of them."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self.accepted = 0

    def rules(self, policy_id: int) -> Rules:
        assert policy_id == 4
        return self._rules

    def reason(self, policy_id: int, caller: str) -> str:
        return "policy: no credential was shown"

    def accepted_at(self, alliance: str, terms_hash: bytes, caller: str) -> int:
        return self.accepted

    def __getattr__(self, name: str) -> Any:
        return lambda *args: (name, *args)


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Model 1 is sold under policy 4, model 2 under none, model 3 not at all; `sent` has what was sent."""

    def terms(terms_id: int) -> Terms:
        return Terms(terms_id, 1, bytes(32), 4, 1, 0, 0, 600, 10**18, 4 if terms_id == 1 else 0)

    models = SimpleNamespace(
        current_terms=lambda model_id: model_id if model_id < 3 else 0,
        terms=terms,
        model=lambda _: SimpleNamespace(alliance=ALLIANCE),
    )
    made = SimpleNamespace(models=models, policies=Policies(RULES), sent=[])

    class Sender:
        address = CALLER

        def send(self, call: Call) -> SimpleNamespace:
            made.sent.append(call)
            return SimpleNamespace(tx_hash=bytes(32))

    connection = SimpleNamespace(connect=lambda: made)
    monkeypatch.setattr(_access, "ConnectionSettings", lambda: connection)
    monkeypatch.setattr(_access, "open_sender", lambda *_: Sender())
    monkeypatch.setattr(_access, "send", lambda _system, call, *_: Sender().send(call))
    return made


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert run(["access", "show", "--json", *arguments]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_show__policy__tells_what_to_bring_and_why_a_caller_is_refused(system, capsys) -> None:
    found = shown(capsys, "1", "--caller", CALLER)
    assert (found["who"], found["issuer"]) == ("bearers", TOKEN)
    assert found["limit_of_a_caller"] == "5 at once, 1 each 60 s" and found["limit_of_all"] is None
    assert (found["terms_hash"], found["terms_cid"]) == ("0x" + HASH.hex(), str(TEXT))
    assert found["refused"] == "policy: no credential was shown"


def test_show__no_policy__tells_that_anyone_may_ask(system, capsys) -> None:
    found = shown(capsys, "2", "--caller", CALLER)
    assert (found["who"], found["refused"]) == ("anyone", None) and "terms_hash" not in found


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("show", "3"), "model 3 is not for sale"),
        (("show", "1", "--caller", "me"), "give an address"),
        (("accept-terms", "2", "0x" + HASH.hex(), "--account", "me"), "model 2 has no policy"),
        (("accept-terms", "1", "0x" + "08" * 32, "--account", "me"), f"({TEXT}), not for 0x0808"),
    ],
)
def test_access__what_cannot_be__says_why(system, capsys, arguments, reason) -> None:
    assert run(["access", *arguments]) == 1
    assert reason in capsys.readouterr().err and system.sent == []


def test_accept_terms__none_to_accept__says_so(system, capsys) -> None:
    system.policies = Policies(Rules(Mode.OPEN))
    assert run(["access", "accept-terms", "1", "0x" + HASH.hex(), "--account", "me"]) == 1
    assert "asks nobody to accept" in capsys.readouterr().err


def test_accept_terms__those_that_the_policy_asks_for__are_accepted_once(system, capsys) -> None:
    command = ["access", "accept-terms", "1", "0x" + HASH.hex(), "--account", "me"]
    assert run(command) == 0
    assert system.sent == [("accept_terms", ALLIANCE, HASH)]
    system.policies.accepted = 1
    assert run(command) == 0
    assert len(system.sent) == 1 and "already" in capsys.readouterr().out


def test_name_device__of_the_models_alliance__is_sent(system) -> None:
    assert run(["access", "name-device", "1", TOKEN, "--account", "me"]) == 0
    assert system.sent == [("name_device", ALLIANCE, TOKEN)]


def test_present__file_of_an_issuer__is_sent_as_signed(system, tmp_path: Path, capsys) -> None:
    path = tmp_path / "credential.json"
    path.write_text(json.dumps(CREDENTIAL))
    assert run(["access", "present", str(path), "--account", "me"]) == 0
    [(name, credential, signature)] = system.sent
    assert (name, signature) == ("present", bytes([10]) * 65)
    assert (credential.subject, credential.serial) == (CALLER, 3)
    assert f"credential 3 counts for {CALLER}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"issuer": "somebody"}, "issuer is 'somebody'"),
        ({"serial": True}, "serial is True"),
        ({"serial": 2**64}, "give a whole number"),
        ({"expires_at": "soon"}, "expires_at is 'soon'"),
        ({"signature": "0x0"}, "two a byte"),
        ({"more": 1}, "give an object of issuer"),
    ],
)
def test_present__file_that_is_none__says_what_is_wrong(
    system, tmp_path: Path, capsys, changes, reason
) -> None:
    path = tmp_path / "credential.json"
    path.write_text(json.dumps(CREDENTIAL | changes))
    assert run(["access", "present", str(path), "--account", "me"]) == 1
    told = capsys.readouterr().err
    assert reason in told and "credential.json" in told and system.sent == []
