"""`ape run gas`: what each public operation costs, on Ethereum's schedule and by IoTeX's formula.

Plays every state-changing operation on a chain of this machine, with typical arguments, the
governed ones by real votes, and prints what each cost: a table, what the table lacks, and the same
figures as one line of JSON. The sensors are simulated.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import click
from ape import chain, project
from rich.console import Console

from cairn.errors import CairnError
from scripts._bench import COIN, Bench
from scripts._deployment import DeploymentError
from scripts._gas_models import be_found, create_model, judge, train
from scripts._gas_programs import publish
from scripts._gas_sales import admit, stake, trade
from scripts._gas_sensors import register, spot_check
from scripts._gas_votes import govern, hold_shares
from scripts._gas_vouchers import pay_by_voucher
from scripts._stage import Stage, gas_table, open_stage
from scripts._system import (
    AllianceSettings,
    SystemSettings,
    deploy_system,
    launch_alliance,
    system_groups,
)

# What only other contracts call: its gas is part of the operation named.
WITHIN = {
    "Timelock.scheduleBatch": "Governor.queue calls it",
    "Timelock.executeBatch": "Governor.execute calls it",
    "Timelock.cancel": "Governor.cancel calls it, of a queued proposal",
    "Timelock.schedule": "only the governor may, and it schedules batches",
    "Timelock.execute": "only the governor may, and it executes batches",
    "Timelock.onERC721Received": "a collectible calls it when it is sent",
    "Timelock.onERC1155Received": "a collectible calls it when it is sent",
    "Timelock.onERC1155BatchReceived": "a collectible calls it when it is sent",
    "DepositCollector.collect": "PaymentChannels.deposit calls it",
    "RevenueSplitter.begin": "RevenueSplitter.create calls it",
    "AccessPolicy.admit": "the market calls it as it sells",
    "StakeLedger.lock": "InferenceMarket.answer, TrainingRounds.aggregate, Evaluations.post call it",
    "StakeLedger.lock_serving": "InferenceMarket.answer, answer_batch and answer_root call it",
    "StakeLedger.slash_reserve": "ReceiptJudge.challenge_receipt calls it",
    "StakeLedger.release": "what settles a request, a round or an evaluation calls it",
    "StakeLedger.slash": "InferenceMarket.challenge and Evaluations.challenge_row call it",
}


def measure(stage: Stage) -> None:
    """Play every operation, and note its cost."""
    deployer = stage.accounts[0]
    settings = AllianceSettings(
        name="Pioneers",
        symbol="PIO",
        holders={member.address: 100 * COIN for member in stage.accounts[1:4]},
    )
    system = deploy_system(deployer, journal=stage.journal)
    alliance = launch_alliance(deployer, system, settings, stage.journal)
    note_deployments(stage)
    bench = Bench(stage, system, alliance)
    programs = publish(bench)
    devices = register(bench)
    batches = spot_check(bench, devices)
    model_id = create_model(bench, programs)
    train(bench, model_id, batches)
    pay_by_voucher(bench, model_id)
    trade(bench, model_id, programs, devices[0])
    admit(bench, devices[0])
    judge(bench, model_id, programs["30 features"])
    be_found(bench, model_id)
    stake(bench)
    hold_shares(bench)
    govern(bench)


def note_deployments(stage: Stage) -> None:
    """What creating each contract cost, by the transactions on the chain."""
    contracts = stage.journal.record["contracts"]
    names = {entry["address"]: name for name, entry in contracts.items()}
    factory = contracts["AllianceFactory"]["address"]
    for number in range(1, chain.blocks.height + 1):
        for transaction in chain.provider.get_transactions_by_block(number):
            receipt = chain.provider.get_receipt(transaction.txn_hash.to_0x_hex())
            if receipt.contract_address in names:
                stage.note(f"deploy {names[receipt.contract_address]}", receipt)
            elif receipt.receiver == factory:
                stage.note("AllianceFactory.launch", receipt)


def state_changing() -> list[str]:
    """Every state-changing function of the contracts that are deployed, by its ABI."""
    # Blueprints are deployed too, but used as what a charter makes of them.
    steps = [step.name for group in system_groups(SystemSettings()) for step in group]
    return [
        f"{name}.{method.name}"
        for name in steps
        for method in getattr(project, name).contract_type.mutable_methods
    ]


def lacking(operations: list[str]) -> list[str]:
    """The state-changing functions of which no cost was measured."""
    measured = {operation.split(",")[0] for operation in operations}
    return sorted(set(state_changing()) - measured)


@click.command()
def cli() -> None:
    """Measure what each public operation costs."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            var = Path(folder)
            with open_stage(var, var / "deployment.json", console=Console(quiet=True)) as stage:
                measure(stage)
                missing = lacking(list(stage.meter.costs))
    except (CairnError, DeploymentError) as error:
        raise click.ClickException(str(error)) from error
    costs = list(stage.meter)
    Console(width=100).print(gas_table(stage.meter))
    click.echo("By vote: the Governor.execute that does it. Deployments on IoTeX: assumed is")
    click.echo(
        "that nothing is charged for being one, as its node's intrinsic gas knows only bytes."
    )
    for cost in costs:
        if not cost.fits_iotex:
            click.echo(
                f"IoTeX takes no such transaction: {cost.operation}: "
                f"{cost.calldata_bytes:,} bytes, {cost.iotex:,} gas"
            )
    for name in missing:
        click.echo(f"not in the table: {name}: {WITHIN.get(name, 'NOT MEASURED')}")
    figures = {c.operation: {"ethereum": c.ethereum, "iotex": c.iotex} for c in costs}
    click.echo(json.dumps(figures))
