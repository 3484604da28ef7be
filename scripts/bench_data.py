"""`ape run bench_data`: packets and leaves a second, and what sensors and batches cost in gas.

The packet check and libsecp256k1's bare verify (parsed key, parsed signatures, digests at hand) take
short turns in one process, and the ratio is that of their best ones. The leaves are hashed from
packets that are at hand, and the tree over them is built. All of it is one thread's work, and a
second is one of that thread on a core: what else the machine does in the meantime does not count.
The memory is the peak of a process of its own that does the same with a million leaves, less its
peak before. The gas is that of real transactions on a chain of this machine, by real votes where
the operation is governed. The sensors are simulated. The last line is all of it as JSON; with
a bar missed, it exits with 1.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import repeat
from pathlib import Path

import click
from coincurve.ecdsa import GLOBAL_CONTEXT, ffi, lib
from rich.console import Console

from cairn.devices import simulate_fleet
from cairn.domain import _secp256k1
from cairn.domain.merkle import MerkleTree, packet_leaves
from cairn.domain.packets import PacketVerifier, decode_packet, signed_digest
from cairn.errors import CairnError
from scripts._bars import Bar, line, missed
from scripts._bench import Bench
from scripts._deployment import DeploymentError
from scripts._gas_sensors import register, spot_check
from scripts._stage import Stage, open_stage
from scripts._system import AllianceSettings, deploy_system, launch_alliance

START = 1_700_000_000
N_PACKETS = 200
TURNS = 100
N_LEAVES = 1_000_000
COIN = 10**18

BARS: dict[str, Bar] = {
    "packets_verified_per_s_per_core_over_libsecp256k1": (">=", 0.7),
    "read_packet_total_gas": ("<=", 120_000),
    "read_packet_iotex_gas": ("<=", 120_000),
    "anchor_batch_total_gas": ("<=", 120_000),
    "mature_batch_total_gas": ("<=", 400_000),
    "merkle_leaves_per_s": (">=", 200_000),
    "merkle_1e6_leaves_rss_MB": ("<=", 200),
}

PEAK_OF_A_MILLION = """
from itertools import repeat
from cairn.domain.merkle import MerkleTree, packet_leaves
def peak():
    # Not getrusage: its figure begins with what the parent held when it forked.
    with open("/proc/self/status") as status:
        return int(next(line.split()[1] for line in status if line.startswith("VmHWM:")))
before = peak()
tree = MerkleTree(packet_leaves(bytes(range(20)), repeat(bytes(170), 1_000_000)))
tree.proof(999_999)
print((peak() - before) * 1_024 / 1e6)
"""


def seconds(work: Callable[[], object]) -> float:
    """Those that this thread ran: it waits for nothing."""
    start = time.thread_time()
    work()
    return time.thread_time() - start


def packets() -> dict[str, float]:
    """Packets opened, checked and decoded a second on one core, beside the bare check."""
    sensor = simulate_fleet(2021, 1)[0]
    raw = sensor.packets(START, N_PACKETS)
    verifier = PacketVerifier(sensor.device)
    verifier.verify(raw[0])
    opened = [decode_packet(packet) for packet in raw]
    digests = [signed_digest(packet) for packet in opened]
    context = GLOBAL_CONTEXT.ctx
    [key] = [
        key.public_key
        for key in _secp256k1.recover_keys(opened[0].signature, digests[0])
        if _secp256k1.address_of(key) == sensor.device
    ]
    parsed = []
    for packet in opened:
        signature = ffi.new("secp256k1_ecdsa_signature *")
        lib.secp256k1_ecdsa_signature_parse_compact(context, signature, packet.signature)
        parsed.append(signature)

    def bare() -> None:
        for signature, digest in zip(parsed, digests, strict=True):
            if not lib.secp256k1_ecdsa_verify(context, signature, digest, key):
                raise CairnError("a packet's signature is not good: the bench is at fault")

    def ours() -> None:
        for packet in raw:
            verifier.verify(packet)

    bare_s, ours_s = 1e9, 1e9
    for _ in range(TURNS):
        bare_s, ours_s = min(bare_s, seconds(bare)), min(ours_s, seconds(ours))
    return {
        "packets_verified_per_s_per_core": round(N_PACKETS / ours_s),
        "libsecp256k1_verified_per_s": round(N_PACKETS / bare_s),
        "packets_verified_per_s_per_core_over_libsecp256k1": round(bare_s / ours_s, 3),
    }


def leaves() -> dict[str, float]:
    device, packet = bytes(range(20)), bytes(170)
    hashed = list(packet_leaves(device, repeat(packet, N_LEAVES)))
    tree_s = min(seconds(lambda: MerkleTree(hashed)) for _ in range(3))
    all_s = min(
        seconds(lambda: MerkleTree(packet_leaves(device, repeat(packet, N_LEAVES))))
        for _ in range(3)
    )
    peak = subprocess.run(
        [sys.executable, "-c", PEAK_OF_A_MILLION], check=True, capture_output=True, text=True
    )
    return {
        "merkle_leaves_per_s": round(N_LEAVES / all_s),
        "merkle_hashed_leaves_per_s": round(N_LEAVES / tree_s),
        "merkle_1e6_leaves_rss_MB": round(float(peak.stdout), 1),
    }


def gas(stage: Stage) -> dict[str, float]:
    """Sensors registered and admitted, batches anchored and opened, a packet read."""
    deployer = stage.accounts[0]
    holders = {member.address: 100 * COIN for member in stage.accounts[1:4]}
    system = deploy_system(deployer, journal=stage.journal)
    alliance = launch_alliance(
        deployer, system, AllianceSettings("Pioneers", "PIO", holders), stage.journal
    )
    bench = Bench(stage, system, alliance)
    spot_check(bench, register(bench))
    found: dict[str, float] = {}
    for function in ("read_packet", "anchor_batch", "mature_batch"):
        costs = [
            cost
            for cost in stage.meter
            if cost.operation.split(",")[0] == f"DeviceRegistry.{function}"
        ]
        found[f"{function}_total_gas"] = max(cost.ethereum for cost in costs)
        found[f"{function}_iotex_gas"] = max(cost.iotex for cost in costs)
    return found


def measured() -> dict[str, float]:
    """All figures, those of gas on a chain of its own."""
    figures = packets() | leaves()
    with tempfile.TemporaryDirectory() as folder:
        var = Path(folder)
        with open_stage(var, var / "deployment.json", console=Console(quiet=True)) as stage:
            return figures | gas(stage)


@click.command()
def cli() -> None:
    """Measure the data's side: packets, leaves, gas."""
    try:
        figures = measured()
    except (CairnError, DeploymentError) as error:
        raise click.ClickException(str(error)) from error
    for name, figure in figures.items():
        click.echo(line(name, figure, BARS))
    click.echo(json.dumps(figures))
    if missed(figures, BARS):
        raise SystemExit(1)
