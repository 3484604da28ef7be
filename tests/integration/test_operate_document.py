"""docs/operate.md: what it tells to type is typed here, in order, in an empty folder."""

from __future__ import annotations

import configparser
import json
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

from cairn.operator import Settings
from cairn.operator._content_watch import ContentReport
from cairn.operator._health import Health, _content
from tests.integration._support import COIN, ROOT, Oracle, free_port
from tests.integration.test_operator_kill import put_program
from tests.unit.house.test_docs import FENCE, is_command_line

TEXT = (ROOT / "docs" / "operate.md").read_text()
BLOCKS = [(language, marks.split(), body) for language, marks, body in FENCE.findall(TEXT)]
ASKED = {"passphrase": "some randomness\nopen sesame\nopen sesame\n", "secret": "open sesame\n"}


def blocks(language: str) -> list[str]:
    return [body for found, _, body in BLOCKS if found == language]


@pytest.mark.slow
def test_document__each_command__does_what_it_says(
    oracle: Oracle, deployment_file: Path, tmp_path: Path
) -> None:
    assert oracle.model_id == 1
    port = str(free_port())
    path = [str(ROOT / ".venv" / "bin"), str(ROOT / "node_modules" / ".bin"), os.environ["PATH"]]
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("CAIRN_")},
        "PATH": os.pathsep.join(path),
        "PYTHONPATH": str(ROOT / "offchain"),
        "APE_DATA_FOLDER": str(tmp_path / "ape"),
        "CAIRN_RPC_URL": oracle.anvil.url,
        "CAIRN_DEPLOYMENT": str(deployment_file),
    }
    keystore = tmp_path / "ape" / "accounts" / "operator.json"
    said: list[str] = []
    for language, marks, body in BLOCKS:
        if language != "sh" or "run" not in marks:
            continue
        asks = next((one.partition("=")[2] for one in marks if one.startswith("asks=")), "")
        put_program(tmp_path / "store")
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", body.replace("9464", port)],
            cwd=tmp_path,
            env=environment,
            input=ASKED.get(asks, ""),
            text=True,
            capture_output=True,
            timeout=120,
            start_new_session=True,  # no terminal to ask at
        )
        assert done.returncode == 0, f"{body}\n{done.stdout}\n{done.stderr}\n{log(tmp_path)}"
        said.append(done.stdout)
        if asks == "passphrase":
            address = "0x" + json.loads(keystore.read_text())["address"].removeprefix("0x")
            oracle.anvil.ask("anvil_setBalance", address, hex(20 * COIN))
    told = "\n".join(said)
    assert "staked 5000000000000000000 wei" in told and "model 1 (small) is served now" in told
    assert '"status": "ok"' in told and "cairn_operator_up 1" in told
    assert "model 1 is not served any more" in told
    assert "model 1 is listed at https://operator.example/" in told
    assert "reserve    1 coin behind receipts" in told
    assert "unbonding stake: 5000000000000000000 wei" in told
    stakes = oracle.system.stakes
    assert stakes.reserve_unbonding_wei(address) == COIN
    assert (stakes.stake_wei(address), stakes.unbonding_wei(address)) == (0, 5 * COIN)
    events = [json.loads(line)["event"] for line in log(tmp_path).splitlines()]
    assert events[0] == "started" and events[-1] == "stopped"


def log(folder: Path) -> str:
    file = folder / "operator.log"
    return file.read_text() if file.exists() else ""


def test_document__unit__starts_a_command_with_settings_that_there_are() -> None:
    [unit] = blocks("ini")
    parser = configparser.ConfigParser(strict=True, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(unit)
    service = parser["Service"]
    program, *words = shlex.split(service["ExecStart"])
    assert is_command_line([Path(program).name, *words])
    names = re.findall(r"CAIRN_OPERATOR_([A-Z_]+)", TEXT)
    assert names and {name.lower() for name in names} <= set(Settings.model_fields)


def test_document__alerts__are_of_metrics_that_are_exported() -> None:
    [rules] = [yaml.safe_load(one) for one in blocks("yaml")]
    health = Health(60, lambda: 0.0)
    health.stepped(
        {
            "next_block": 1,
            "transactions_waiting": 0,
            "suspended": {1: 1},
            "stake": {"free_wei": 1, "answers_waiting": 0, "answers_backed": {1: 1}},
            "watch": {"budget_wei": 1, "spent_wei": 0},
        }
    )
    exported = set(re.findall(r"^(cairn_\w+)", health.metrics().decode(), re.MULTILINE))
    exported |= {one.name for one in _content(ContentReport(ended_at=0.0), 0.0)}
    wanted = {
        name
        for group in rules["groups"]
        for rule in group["rules"]
        for name in re.findall(r"cairn_\w+", rule["expr"])
    }
    assert len(wanted) > 5 and wanted <= exported
