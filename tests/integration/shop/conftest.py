"""A model on sale: the demo's set-up on a chain of its own, with its operator and its API running."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from ape import networks, project
from click.testing import CliRunner, Result
from rich.console import Console

from cairn.cli.processes import stop_kept
from cairn.domain.programs import Program
from scripts import _story
from scripts._stage import Stage, open_stage

# A few hours instead of a week: enough to train on, and quickly signed.
PACKETS_EACH = 60
SETTLED = 4
MAX_MEAN_LOSS = 2**64  # what a rule may allow at most


@dataclass
class Shop:
    """A chain, an operator and an API of this machine, and the model that they serve."""

    stage: Stage
    cast: _story.Cast

    @property
    def network(self) -> str:
        return f"iotex:dev:{self.stage.rpc_url}"

    def run(self, command: Any, *words: object) -> Result:
        """A script's command, on this chain."""
        return CliRunner().invoke(
            command,
            [*map(str, words), "--network", self.network],
            env={
                "CAIRN_DEPLOYMENT": str(self.stage.deployment),
                "CAIRN_STORE": str(self.stage.var / "store"),
                "CAIRN_CATALOG_DATABASE": f"sqlite:///{self.stage.var / 'catalog.db'}",
            },
        )

    def program(self) -> Program:
        return _story.load_program(self.stage, self.cast)

    def ask_http(self, features: Sequence[int]) -> httpx.Response:
        """A row of device integers over the Open Inference Protocol."""
        tensor = {
            "name": "features",
            "shape": [1, len(features)],
            "datatype": "INT32",
            "data": list(features),
        }
        body = {"inputs": [tensor], "outputs": [{"name": "raw-integers"}]}
        url = f"{self.stage.api_url}/v2/models/{_story.MODEL}/infer"
        return httpx.post(url, json=body, timeout=30)


@pytest.fixture(scope="package")
def running_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The set-up, played once; what runs is ended by its own ids, with the last test that wants it."""
    var = tmp_path_factory.mktemp("shop")
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_story, "PACKETS_EACH", PACKETS_EACH)
            # A few hours explain nothing of a station's elsewhere: the rule is asked, and lets it in.
            patch.setattr(_story, "half_of_variance", lambda _: MAX_MEAN_LOSS)
            console = Console(quiet=True)
            # Left running, so that no test of another chain finds this one connected.
            with open_stage(var, var / "deployment.json", console=console) as stage:
                cast = _story.set_up(stage, 2021)
                stage.processes.keep()
        yield Shop(stage, cast)
    finally:
        stop_kept(var)


@pytest.fixture
def shop(running_shop: Shop) -> Iterator[Shop]:
    """The shop, with its chain connected."""
    with networks.parse_network_choice(running_shop.network):
        yield running_shop


@pytest.fixture
def market(shop: Shop) -> Any:
    return project.InferenceMarket.at(shop.cast.system.inference_market.address)


@pytest.fixture
def settle(shop: Shop, market: Any) -> Callable[[], None]:
    """Let the window of the newest request pass, so that its operator has his stake free again."""

    def settle_() -> None:
        request_id = market.n_requests()
        shop.stage.advance(_story.WINDOW_S + 1, "the window is over")
        shop.stage.wait_for(
            "the operator settles", lambda: market.get_request(request_id).status == SETTLED
        )

    return settle_


@pytest.fixture
def wait_for(shop: Shop) -> Callable[[str, Callable[[], bool]], None]:
    """Wait, within bounds, until another process has done its part."""
    return shop.stage.wait_for
