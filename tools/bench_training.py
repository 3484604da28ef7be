"""What training together costs and holds, beside Flower: points, seconds and ratios.

    python tools/bench_training.py [--jobs N] [--cluster ADDRESS] [--rounds-two-levels N] [--only PART ...]

Ten members on scikit-learn's digits, softmax regression, 60 rounds of five whole gradient steps, three
seeds; attackers are four of ten where rows are dealt at random (iid), two where each member has two
shards of sorted labels (skew). All rounds are played by Cairn's own code, integers, roots and programs
included. Flower runs in its own environment (`make flower`) on the same rows, model and steps: its
simulation engine, a core for each client as it comes, and beside it its server and strategy with the
clients called in one process.

What is timed, a round: ours: ten members train, clip, quantise and hash; all roots are checked, the set
of least score is searched, the aggregate, its root, the program and the exact losses are made; one
process. Flower's: from one aggregate to the next. Medians over the rounds.

The last line is JSON; it exits with 1 if a bar is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "offchain")]

from cairn.domain.keccak import keccak256  # noqa: E402
from cairn.domain.schema import Column, Schema  # noqa: E402
from cairn.training import (  # noqa: E402
    Plan,
    PostedUpdate,
    aggregate_updates,
    integers_root,
    map_all,
    spread,
    usable_updates,
)
from cairn.training.selection import SetLosses, best_set  # noqa: E402
from cairn.training.updates import Int32s, encode_integers  # noqa: E402
from scripts._bars import Bar, line, missed  # noqa: E402
from tools.round_simulation import N_ROUNDS  # noqa: E402
from tools.training.federation import (  # noqa: E402
    TOLERANCE_PPM,
    Case,
    Group,
    Members,
    aggregate,
    air_members,
    combine,
    digits_members,
    hand_in,
    points_of,
    train_all,
)

PYTHON = ROOT / ".tools" / "flower" / "bin" / "python"
SEEDS = (0, 1, 2)
PARTITIONS = {"iid": ("iid", 4), "skew": ("shards", 2)}
SCENES = ("iid_flip40", "iid_sign40", "skew_flip20", "skew_sign20")
N_UPDATES, N_PARAMETERS = 1_000, 10_000
N_MANY, N_LIARS, GROUP_SIZE = 1_000, 200, 63

PARTS = ("aggregation", "flower", "two-levels", "points")

BARS: dict[str, Bar] = {
    **{f"points_under_honest_{scene}": ("<=", 2.0) for scene in SCENES},
    "points_under_fedavg_iid_none": ("<=", 0.5),
    "points_under_fedavg_skew_none": ("<=", 0.5),
    "points_from_flower": ("<=", 0.5),
    "flower_round_seconds_over_ours": (">=", 1.0),
    "aggregate_1000x10000_over_mean_plus_hash": ("<=", 4.0),
}


def points(console: Console) -> dict[str, float]:
    """Accuracy of honest-only averaging minus ours, and of plain averaging where nobody attacks."""
    cases: dict[str, list[Case]] = {}
    for name, (partition, n_attackers) in PARTITIONS.items():
        for seed in SEEDS:
            for attack in ("flip", "sign"):
                key = f"{name}_{attack}{10 * n_attackers}"
                cases.setdefault(key, []).append(
                    Case(partition, attack, n_attackers, "scored", seed)
                )
            honest = Case(partition, "none", n_attackers, "honest", seed)
            cases.setdefault(f"{name}_honest", []).append(honest)
            cases.setdefault(f"{name}_none", []).append(Case(partition, "none", 0, "scored", seed))
            cases.setdefault(f"{name}_fedavg", []).append(Case(partition, "none", 0, "mean", seed))
    wanted = [case for group in cases.values() for case in group]
    with Progress(console=console) as bar:
        task = bar.add_task("federations of ten members", total=len(wanted))
        found = map_all(points_of, wanted, lambda done, _: bar.update(task, completed=done))
    of_case = dict(zip(wanted, found, strict=True))
    means = {key: statistics.mean(of_case[one] for one in group) for key, group in cases.items()}
    figures = {f"points_{name}": round(mean, 2) for name, mean in means.items()}
    for scene in SCENES:
        under = means[f"{scene.split('_')[0]}_honest"] - means[scene]
        figures[f"points_under_honest_{scene}"] = round(under, 3)
    for name in PARTITIONS:
        under = means[f"{name}_fedavg"] - means[f"{name}_none"]
        figures[f"points_under_fedavg_{name}_none"] = round(under, 3)
    return figures


def beside_flower(console: Console) -> dict[str, float]:
    """The same ten members in Flower and here: points, and seconds a round."""
    if not PYTHON.exists():
        raise SystemExit("Flower is not set up: make flower")
    ours: list[float] = []
    theirs: list[float] = []
    seconds: dict[str, list[float]] = {"round": [], "without_judging": [], "server": []}
    with Progress(console=console) as bar:
        task = bar.add_task("beside Flower", total=len(SEEDS) + 1)
        for seed in SEEDS:
            members = digits_members("iid", seed)
            version, whole, plain = play(members)
            ours.append(members.points(version))
            seconds["round"] += whole
            seconds["without_judging"] += plain
            with tempfile.TemporaryDirectory() as folder:
                write_rows(members, folder)
                taken, accuracy = flower(members, folder, "server")
                theirs.append(accuracy)
                seconds["server"] += taken
                if seed == SEEDS[0]:
                    bar.advance(task)
                    seconds["simulation"], again = flower(members, folder, "simulation")
                    if abs(again - accuracy) > 0.5:
                        raise SystemExit(f"Flower's two ways differ: {again}, {accuracy}")
            bar.advance(task)
    round_s = {name: statistics.median(times) for name, times in seconds.items()}
    return {
        "points_from_flower": round(abs(statistics.mean(ours) - statistics.mean(theirs)), 3),
        "points_ours_beside_flower": round(statistics.mean(ours), 2),
        "points_flower": round(statistics.mean(theirs), 2),
        "our_round_seconds": round(round_s["round"], 4),
        "our_round_without_judging_seconds": round(round_s["without_judging"], 4),
        "flower_simulation_round_seconds": round(round_s["simulation"], 4),
        "flower_server_round_seconds": round(round_s["server"], 4),
        "flower_round_seconds_over_ours": round(round_s["simulation"] / round_s["round"], 2),
        "flower_server_seconds_over_ours_without_judging": round(
            round_s["server"] / round_s["without_judging"], 2
        ),
    }


def play(members: Members) -> tuple[Int32s, list[float], list[float]]:
    """All rounds here: the last version, and for each the seconds, in all and for a plain mean."""
    base: Int32s | None = None
    whole, plain = [], []
    for _ in range(N_ROUNDS):
        started = time.perf_counter()
        updates = train_all(members, base, "none")
        posted, contents = hand_in(updates)
        trained = time.perf_counter()
        played = aggregate(members, posted, contents, base, scored=True)
        ended = time.perf_counter()
        aggregate(members, posted, contents, base, scored=False)
        whole.append(ended - started)
        plain.append(trained - started + time.perf_counter() - ended)
        base = played.aggregate.parameters
    assert base is not None
    return base, whole, plain


def write_rows(members: Members, folder: str) -> None:
    for number, rows in enumerate(members.rows):
        y = rows.target.astype(np.int64)
        np.savez(Path(folder) / f"rows.{number}.npz", x=rows.z, y=y, n_classes=10)


def flower(members: Members, folder: str, mode: str) -> tuple[list[float], float]:
    """Seconds of each round but the first, and the accuracy of the last model in float64."""
    script = str(ROOT / "tools" / "training" / "flower_side.py")
    words = [str(PYTHON), script, folder, str(len(members.rows)), str(N_ROUNDS), mode]
    env = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(words, capture_output=True, text=True, env=env, timeout=900)
    if done.returncode:
        raise SystemExit(f"Flower's {mode} failed:\n{done.stderr[-2000:]}")
    taken = json.loads(done.stdout.splitlines()[-1])["round_seconds"]
    with np.load(Path(folder) / "flower.npz", allow_pickle=False) as model:
        weights, intercepts = model["weights"], model["intercepts"]
    features, targets = members.test
    feature = members.plan.features[0]
    z = (features - feature.center) / 2.0**feature.shift
    labels = (z @ weights + intercepts).argmax(axis=1)
    return taken, float(100.0 * (labels == targets).mean())


def aggregation() -> dict[str, float]:
    """1,000 updates of 10,000 parameters: roots checked and averaged, against mean plus one hash."""
    schema = Schema(
        features=tuple(Column(f"x_{i}", "1", "1", "-100", "100") for i in range(301)),
        targets=(Column("y", "1", "1", "-100", "100"),),
    )
    plan = Plan.from_schema(
        schema, estimator="MLPRegressor", parameters={"hidden_layer_sizes": "33"}
    )
    assert plan.n_parameters == N_PARAMETERS
    rng = np.random.default_rng(1)
    stacked = rng.integers(-(2**16), 2**16, (N_UPDATES, N_PARAMETERS)).astype(np.int32)
    contents = [encode_integers(update) for update in stacked]
    posted = [PostedUpdate(i, integers_root(row), 50) for i, row in enumerate(stacked)]
    whole = b"".join(contents)

    def ours() -> Int32s:
        usable, left_out = usable_updates(plan, posted, contents)
        assert not left_out
        values = [one.update.values for one in usable]
        return aggregate_updates(plan, values, [one.update.weight for one in usable])

    def mean_plus_hash() -> object:
        return stacked.mean(axis=0), keccak256(whole)

    # The mean is exact, so truncating it is what ours does.
    assert np.array_equal(ours(), np.trunc(stacked.mean(axis=0)).astype(np.int32))
    own, other = fastest(ours), fastest(mean_plus_hash)
    return {
        "aggregate_1000x10000_seconds": round(own, 3),
        "mean_plus_hash_seconds": round(other, 3),
        "aggregate_1000x10000_over_mean_plus_hash": round(own / other, 2),
    }


def fastest(call: Callable[[], object], repeats: int = 5) -> float:
    """The least seconds of a few runs: what the machine's other work did not touch."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return min(times)


def two_levels(n_rounds: int, console: Console) -> dict[str, float]:
    """1,000 members with a climate each, 200 of whom lie, in groups of 63; SYNTHETIC readings.

    Each group's combiner chooses its set and averages it; the upper level does the same with what
    the groups hand up.
    """
    members = air_members(N_MANY, 0, N_LIARS)
    # Dealt round: every group has its share of liars, who come first.
    groups = [
        Members(
            members.plan,
            members.rows[start :: -(-N_MANY // GROUP_SIZE)],
            members.flipped[start :: -(-N_MANY // GROUP_SIZE)],
            members.validation,
            members.kind,
            members.test,
        )
        for start in range(-(-N_MANY // GROUP_SIZE))
    ]
    base: Int32s | None = None
    honest: Int32s | None = None
    n_lies = 0
    seconds = []
    with Progress(console=console) as bar:
        task = bar.add_task("1,000 members", total=n_rounds * len(groups))
        for number in range(n_rounds):
            started = time.perf_counter()
            handed_up = map_all(
                combine,
                [Group(group, base, "flip") for group in groups],
                lambda done, _, number=number: bar.update(  # type: ignore[misc]
                    task, completed=number * len(groups) + done
                ),
            )
            values = [update.values for update, _ in handed_up]
            weights = [update.weight for update, _ in handed_up]
            # A group weighs what its members do: the cap held below.
            wide = members.plan.rule.model_copy(update={"weight_cap": 1_000 * GROUP_SIZE})
            upper = members.plan.model_copy(update={"rule": wide})
            losses = SetLosses(upper, values, weights, members.validation, members.kind, base)
            chosen = best_set(losses, TOLERANCE_PPM).included
            n_lies += sum(handed_up[i][1] for i in chosen)
            base = aggregate_updates(
                upper, [values[i] for i in chosen], [weights[i] for i in chosen], base
            )
            seconds.append(time.perf_counter() - started)
            alone = train_all(members, honest, "none")[N_LIARS:]
            honest = aggregate_updates(
                members.plan, [one.values for one in alone], [one.weight for one in alone], honest
            )
    assert base is not None and honest is not None
    return {
        "two_levels_round_seconds": round(statistics.median(seconds), 2),
        "two_levels_points": round(members.points(base), 2),
        "two_levels_points_honest_only": round(members.points(honest), 2),
        "two_levels_lies_included_share": round(n_lies / (N_LIARS * n_rounds), 3),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--jobs", type=int, default=2, help="cores for what is not timed by itself")
    parser.add_argument("--cluster", help="of a Dask scheduler, such as tcp://10.0.0.5:8786")
    parser.add_argument("--rounds-two-levels", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="parts of it")
    args = parser.parse_args()
    console = Console(stderr=True)
    figures: dict[str, float] = {}
    # What is timed comes first, and has the machine to itself.
    parts: dict[str, Callable[[], dict[str, float]]] = {
        "aggregation": aggregation,
        "flower": lambda: beside_flower(console),
        "two-levels": lambda: two_levels(args.rounds_two_levels, console),
        "points": lambda: points(console),
    }
    for name in PARTS:
        if name in args.only:
            with spread(args.jobs, args.cluster):
                found = parts[name]()
            for key, figure in found.items():
                print(line(key, figure, BARS), flush=True)
            figures |= found
    whole = set(args.only) == set(PARTS)
    bars = BARS if whole else {key: bar for key, bar in BARS.items() if key in figures}
    for name in missed(figures, bars):
        print(f"bar missed: {name}")
    print(json.dumps(figures))
    return bool(missed(figures, bars))


if __name__ == "__main__":
    sys.exit(main())
