"""`ape run predict`: pay for one prediction from a wallet.

    ape run predict --model 1 --set temperature=21.5 --set humidity=40 ... --network ... --account
    me

The contract itself answers in the call; with --oracle a staked operator does, and the answer is
final once its window is over. The price is shown before anything is signed.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import click
from ape import chain, project
from ape.api import AccountAPI
from ape.contracts import ContractInstance

from cairn.domain.cid import Cid
from cairn.domain.integers import unpack_features
from cairn.domain.schema import Schema
from cairn.storage import ContentStore, EmbeddedStore
from scripts._command import NodeCommand
from scripts._deployment import DeploymentError
from scripts._system import account_named, open_journal

DEADLINE_S = 600
ANSWERED, SETTLED = 2, 4


def load_schema(registry: ContractInstance, model_id: int, store: ContentStore) -> Schema:
    """A model's schema by the CID that the registry names, checked against its hash."""
    model = registry.model(model_id)
    schema = Schema.from_json(store.fetch(Cid.from_bytes(bytes(model.schema_cid))))
    if schema.schema_hash != bytes(model.schema_hash):
        raise DeploymentError(f"the schema of model {model_id} is not the one that was registered")
    return schema


def parse(assignments: tuple[str, ...]) -> dict[str, str]:
    """`name=value` pairs."""
    pairs = {}
    for assignment in assignments:
        name, sign, value = assignment.partition("=")
        if not sign:
            raise click.UsageError(f"--set {assignment}: write it as name=value")
        if name in pairs:
            raise click.UsageError(f"--set {name}: given twice")
        pairs[name] = value
    return pairs


def ask_contract(
    market: ContractInstance,
    model_id: int,
    features: bytes,
    price: int,
    value: int,
    buyer: AccountAPI,
) -> bytes:
    receipt = market.predict(model_id, features, price, value=value, sender=buyer)
    [event] = receipt.decode_logs(market.Predicted)
    return bytes(event.outputs)


def ask_oracle(
    market: ContractInstance,
    model_id: int,
    features: bytes,
    price: int,
    value: int,
    buyer: AccountAPI,
) -> bytes:
    deadline = chain.provider.get_block("latest").timestamp + DEADLINE_S
    receipt = market.request(model_id, features, price, deadline, value=value, sender=buyer)
    [event] = receipt.decode_logs(market.Requested)
    click.echo(f"request {event.request_id}; waiting for an operator (Ctrl-C leaves it open)")
    give_up = time.monotonic() + DEADLINE_S  # the clock of a local chain may stand still
    while market.get_request(event.request_id).status not in (ANSWERED, SETTLED):
        is_late = chain.provider.get_block("latest").timestamp > deadline
        if is_late or time.monotonic() > give_up:
            raise DeploymentError(
                f"nobody answered in time: call refund({event.request_id}) on the market"
            )
        time.sleep(1)
    for answer in market.Answered.range(receipt.block_number, chain.blocks.height + 1):
        if answer.request_id == event.request_id:
            click.echo(
                f"answered by {answer.operator}; anyone may challenge until {answer.challengeable_until}"
            )
            return bytes(answer.outputs)
    raise DeploymentError(f"the node has no Answered event of request {event.request_id}")


@click.command(cls=NodeCommand)
@click.option("--model", "model_id", type=int, required=True)
@click.option("--set", "assignments", multiple=True, help="A feature: name=value, in its unit.")
@click.option(
    "--max-price", type=int, help="In the currency's smallest unit; by default the quote."
)
@click.option("--oracle", is_flag=True, help="Through an operator instead of in the call.")
@click.option(
    "--store",
    type=click.Path(path_type=Path),
    default="var/store",
    envvar="CAIRN_STORE",
    show_default=True,
    help="The folder of the embedded store.",
)
@click.option("--account", required=True, help="Ape alias; local chains: TEST::n.")
@click.option("--yes", is_flag=True, help="Do not ask before paying.")
def cli(
    model_id: int,
    assignments: tuple[str, ...],
    max_price: int | None,
    oracle: bool,
    store: Path,
    account: str,
    yes: bool,
) -> None:
    """Buy one prediction."""
    contracts = open_journal().record["contracts"]
    if not contracts:
        raise DeploymentError("nothing is deployed on this network: run `ape run deploy` first")
    registry = project.ModelRegistry.at(contracts["ModelRegistry"]["address"])
    market = project.InferenceMarket.at(contracts["InferenceMarket"]["address"])
    buyer = account_named(account)
    schema = load_schema(registry, model_id, EmbeddedStore(store))
    features = schema.encode_packed(parse(assignments))

    price, currency, terms_id = market.quote(model_id, buyer)
    if terms_id == 0:
        raise DeploymentError(f"model {model_id} is not for sale")
    native = int(currency, 16) == 0xEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEE
    name = "wei of the native coin" if native else f"units of {currency}"
    click.echo(f"price: {price} {name}")
    if max_price is not None and price > max_price:
        raise DeploymentError(f"the price is above your limit of {max_price}")
    yes or click.confirm("pay?", abort=True)
    ask = ask_oracle if oracle else ask_contract
    outputs = ask(market, model_id, features, price, price if native else 0, buyer)
    if not outputs:
        raise DeploymentError("the operator says that the features are invalid")
    integers = unpack_features(outputs)
    measured = schema.decode_targets(integers)
    click.echo(json.dumps({"integers": integers, **{k: str(v) for k, v in measured.items()}}))
