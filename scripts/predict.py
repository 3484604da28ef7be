"""`ape run predict`: pay for one prediction from a wallet.

    ape run predict --model 1 --set temperature=21.5 --set humidity=40 ... --network ... --account
    me
    ape run predict --refund 7 --network ... --account me

The contract itself answers in the call; with --oracle a staked operator does, and the answer is
final once its window is over. The price, and what has to be approved of a token for it, is shown
before anything is signed. --refund takes back the price of a request that nobody answered, or whose
answer was proved wrong.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import click
from ape import chain, project
from ape.api import AccountAPI
from ape.contracts import ContractInstance

from cairn.chain import Status
from cairn.domain.cid import Cid
from cairn.domain.integers import unpack_features
from cairn.domain.schema import Schema
from cairn.storage import ContentStore, EmbeddedStore
from scripts._command import NodeCommand
from scripts._currency import Currency
from scripts._deployment import DeploymentError
from scripts._system import account_named, open_journal

DEADLINE_S = 600


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


def status_of(market: ContractInstance, request_id: int) -> Status:
    return Status(int(market.get_request(request_id).status))


def take_back(
    market: ContractInstance, registry: ContractInstance, request_id: int, account: AccountAPI
) -> None:
    """End an unanswered request, and pay out what the market owes the account in its currency."""
    request = market.get_request(request_id)
    status = Status(int(request.status))
    if status is Status.NONE:
        raise DeploymentError(f"the market has no request {request_id}")
    if request.requester != account.address:
        raise DeploymentError(f"request {request_id} is of {request.requester}: use its account")
    if status in (Status.ANSWERED, Status.SETTLED):
        raise DeploymentError(
            f"request {request_id} was answered: its price is not owed back, unless a challenge "
            "proves the answer wrong"
        )
    if status is Status.OPEN:
        left = request.deadline - chain.provider.get_block("latest").timestamp
        if left >= 0:
            raise DeploymentError(
                f"request {request_id} is still open: it may be refunded in {left + 1} s"
            )
        market.refund(request_id, sender=account)
        click.echo(f"request {request_id} is refunded")
    model_id = registry.terms(request.terms_id).model_id
    currency = Currency.at(registry.model(model_id).currency)
    owed = market.owed(account, currency.address)
    if not owed:
        click.echo("nothing is owed to this account: it was paid out before")
        return
    market.pay(account, currency.address, sender=account)
    click.echo(f"paid out: {currency.text(owed)}")


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
    while (status := status_of(market, event.request_id)) is Status.OPEN:
        is_late = chain.provider.get_block("latest").timestamp > deadline
        if is_late or time.monotonic() > give_up:
            raise DeploymentError(
                "nobody answered in time: take the price back with "
                f"`ape run predict --refund {event.request_id}` once its deadline is over"
            )
        time.sleep(1)
    if status not in (Status.ANSWERED, Status.SETTLED):
        why = "its answer was proved wrong" if status is Status.SLASHED else "it was refunded"
        raise DeploymentError(
            f"request {event.request_id} ended without an answer: {why}; take the price back with "
            f"`ape run predict --refund {event.request_id}`"
        )
    found = market.Answered.range(receipt.block_number, chain.blocks.height + 1)
    answers = [answer for answer in found if answer.request_id == event.request_id]
    if not answers:
        raise DeploymentError(f"the node has no Answered event of request {event.request_id}")
    newest = answers[-1]  # those before it were proved wrong
    click.echo(
        f"answered by {newest.operator}; anyone may challenge until {newest.challengeable_until}"
    )
    return bytes(newest.outputs)


@click.command(cls=NodeCommand)
@click.option("--model", "model_id", type=int, help="What to ask; an id of the registry.")
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
@click.option(
    "--refund", "refund_id", type=int, help="Ask nothing: take the price of this request back."
)
@click.option("--yes", is_flag=True, help="Do not ask before paying.")
def cli(
    model_id: int | None,
    assignments: tuple[str, ...],
    max_price: int | None,
    oracle: bool,
    store: Path,
    account: str,
    refund_id: int | None,
    yes: bool,
) -> None:
    """Buy one prediction, or take back what one cost that never came."""
    if (model_id is None) == (refund_id is None):
        raise click.UsageError("name a model by --model, or a request by --refund")
    contracts = open_journal().record["contracts"]
    if not contracts:
        raise DeploymentError("nothing is deployed on this network: run `ape run deploy` first")
    registry = project.ModelRegistry.at(contracts["ModelRegistry"]["address"])
    market = project.InferenceMarket.at(contracts["InferenceMarket"]["address"])
    buyer = account_named(account)
    if refund_id is not None:
        take_back(market, registry, refund_id, buyer)
        return
    assert model_id is not None  # by the check above
    schema = load_schema(registry, model_id, EmbeddedStore(store))
    features = schema.encode_packed(parse(assignments))

    price, address, terms_id = market.quote(model_id, buyer)
    if terms_id == 0:
        raise DeploymentError(f"model {model_id} is not for sale")
    currency = Currency.at(address)
    click.echo(f"price: {currency.text(price)}")
    if max_price is not None and price > max_price:
        raise DeploymentError(f"the price is above your limit of {max_price}")
    if not currency.is_native:
        click.echo("the market is approved to take the price, and no more")
    yes or click.confirm("pay?", abort=True)
    currency.approve(market, price, buyer)
    ask = ask_oracle if oracle else ask_contract
    outputs = ask(market, model_id, features, price, price if currency.is_native else 0, buyer)
    if not outputs:
        raise DeploymentError("the operator says that the features are invalid")
    integers = unpack_features(outputs)
    measured = schema.decode_targets(integers)
    click.echo(json.dumps({"integers": integers, **{k: str(v) for k, v in measured.items()}}))
