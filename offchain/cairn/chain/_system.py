"""All contracts of one deployment, behind one node."""

from __future__ import annotations

from dataclasses import dataclass

from cairn.chain._clients import (
    AccessPolicy,
    AllianceFactory,
    DeviceRegistry,
    Evaluations,
    Evaluator,
    Governor,
    InferenceMarket,
    ModelRegistry,
    PacketFeatures,
    ProgramStore,
    ReceiptJudge,
    ShareToken,
    StakeLedger,
    Timelock,
    TrainingRounds,
)
from cairn.chain._deployment import Deployment
from cairn.chain._errors import WrongNetwork
from cairn.chain._network import Network
from cairn.chain._node import Web3Node


@dataclass(frozen=True)
class System:
    """The shared contracts. An alliance's own are had by `share_token`, `governor`, `timelock`."""

    network: Network
    deployment: Deployment
    node: Web3Node
    devices: DeviceRegistry
    policies: AccessPolicy
    models: ModelRegistry
    programs: ProgramStore
    evaluator: Evaluator
    stakes: StakeLedger
    rounds: TrainingRounds
    packets: PacketFeatures
    market: InferenceMarket
    receipts: ReceiptJudge
    evaluations: Evaluations
    factory: AllianceFactory

    @classmethod
    def connect(cls, network: Network, deployment: Deployment, *, check: bool = True) -> System:
        """Raises `WrongNetwork` if the node is on another chain, `DeploymentError`, `AbiError`."""
        if network.chain_id != deployment.chain_id:
            raise WrongNetwork(
                f"the settings say chain {network.chain_id}, the deployment is on chain "
                f"{deployment.chain_id}; name the right deployment"
            )
        node = Web3Node(network)
        if check:
            node.check()

        def at(name: str) -> str:
            return deployment.contract(name).address

        return cls(
            network=network,
            deployment=deployment,
            node=node,
            devices=DeviceRegistry(node, at("DeviceRegistry")),
            policies=AccessPolicy(node, at("AccessPolicy")),
            models=ModelRegistry(node, at("ModelRegistry")),
            programs=ProgramStore(node, at("ProgramStore")),
            evaluator=Evaluator(node, at("Evaluator")),
            stakes=StakeLedger(node, at("StakeLedger")),
            rounds=TrainingRounds(node, at("TrainingRounds")),
            packets=PacketFeatures(node, at("PacketFeatures")),
            market=InferenceMarket(node, at("InferenceMarket")),
            receipts=ReceiptJudge(node, at("ReceiptJudge")),
            evaluations=Evaluations(node, at("Evaluations")),
            factory=AllianceFactory(node, at("AllianceFactory")),
        )

    def share_token(self, alliance: str) -> ShareToken:
        """The shares of an alliance, by its name in the deployment."""
        return ShareToken(self.node, self.deployment.alliance(alliance).ShareToken.address)

    def governor(self, alliance: str) -> Governor:
        return Governor(self.node, self.deployment.alliance(alliance).Governor.address)

    def timelock(self, alliance: str) -> Timelock:
        return Timelock(self.node, self.deployment.alliance(alliance).Timelock.address)
