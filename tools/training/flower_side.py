"""Flower's side of the bench of training, run by the Python of its own environment.

    .tools/flower/bin/python tools/training/flower_side.py FOLDER N_MEMBERS N_ROUNDS simulation|server

FOLDER holds rows.<member>.npz. `simulation` is Flower's simulation engine (Ray, a core for each
client, as it comes); `server` its Server and strategy with the clients called in the same process,
which leaves out the engine. FedAvg, all members in every round, no evaluation. The last line is JSON:
the seconds of each round but the first, and the parameters after the last go to FOLDER/flower.npz.
"""

import json
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))

from flower_client import make_trainer
from flwr.client import ClientApp
from flwr.common import Code, FitRes, Status, ndarrays_to_parameters, parameters_to_ndarrays
from flwr.server import Server, ServerApp, ServerAppComponents, ServerConfig, SimpleClientManager
from flwr.server.client_proxy import ClientProxy
from flwr.server.strategy import FedAvg
from flwr.simulation import run_simulation


class Timed(FedAvg):
    """FedAvg that notes when each round's aggregate is there."""

    def __init__(self, folder, n_members):
        start = make_trainer(f"{folder}/rows.0.npz").get_parameters({})
        super().__init__(
            fraction_fit=1.0,
            fraction_evaluate=0.0,
            min_fit_clients=n_members,
            min_available_clients=n_members,
            initial_parameters=ndarrays_to_parameters(start),
            on_fit_config_fn=lambda _: {"epochs": 5, "learning_rate": 0.5},
        )
        self.folder = folder
        self.ends = []

    def aggregate_fit(self, server_round, results, failures):
        if failures:
            raise SystemExit(f"round {server_round}: {failures[0]}")
        parameters, metrics = super().aggregate_fit(server_round, results, failures)
        weights, intercepts = parameters_to_ndarrays(parameters)
        self.ends.append(time.perf_counter())
        np.savez(f"{self.folder}/flower.npz", weights=weights, intercepts=intercepts)
        return parameters, metrics


class Here(ClientProxy):
    """A client in this process, called by Flower's own messages."""

    def __init__(self, cid, client):
        super().__init__(cid)
        self.client = client

    def fit(self, ins, timeout, group_id):
        arrays = parameters_to_ndarrays(ins.parameters)
        arrays, n_rows, metrics = self.client.fit(arrays, ins.config)
        status = Status(Code.OK, "")
        return FitRes(status, ndarrays_to_parameters(arrays), n_rows, metrics)

    def get_properties(self, ins, timeout, group_id):
        raise NotImplementedError

    def get_parameters(self, ins, timeout, group_id):
        raise NotImplementedError

    def evaluate(self, ins, timeout, group_id):
        raise NotImplementedError

    def reconnect(self, ins, timeout, group_id):
        raise NotImplementedError


def simulate(strategy, folder, n_members, n_rounds):
    def server_fn(context):
        config = ServerConfig(num_rounds=n_rounds)
        return ServerAppComponents(strategy=strategy, config=config)

    def client_of(context):
        number = context.node_config["partition-id"]
        return make_trainer(f"{folder}/rows.{number}.npz").to_client()

    run_simulation(
        server_app=ServerApp(server_fn=server_fn),
        client_app=ClientApp(client_fn=client_of),
        num_supernodes=n_members,
        backend_config={"client_resources": {"num_cpus": 1, "num_gpus": 0.0}},
    )


def serve(strategy, folder, n_members, n_rounds):
    manager = SimpleClientManager()
    for member in range(n_members):
        manager.register(Here(str(member), make_trainer(f"{folder}/rows.{member}.npz")))
    Server(client_manager=manager, strategy=strategy).fit(num_rounds=n_rounds, timeout=None)


def main():
    folder, n_members, n_rounds, mode = sys.argv[1:]
    strategy = Timed(folder, int(n_members))
    run = {"simulation": simulate, "server": serve}[mode]
    run(strategy, folder, int(n_members), int(n_rounds))
    if len(strategy.ends) != int(n_rounds):
        raise SystemExit(f"{len(strategy.ends)} of {n_rounds} rounds were aggregated")
    seconds = np.diff(strategy.ends)
    print(json.dumps({"round_seconds": seconds.tolist()}))


if __name__ == "__main__":
    main()
