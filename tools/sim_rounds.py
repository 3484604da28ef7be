"""Print the table of docs/rounds-simulation.md: rules against attackers, by data and partition.

    python tools/sim_rounds.py [--seeds N] [--jobs N] [--data digits|air] [--partition NAME]
                               [--rules NAME ...] [--favourites] [--cluster ADDRESS]

With --cluster the runs go to the Dask scheduler at that address, whose workers were started in this folder.
The last line is JSON: for each row and rule the points below honest-only averaging on the same
partition, a mean over the seeds. With --favourites: how few members an aggregator can keep in a set
that passes the check of single toggles.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from cairn.training import map_all, spread
from tools.round_simulation import ATTACKS, RULES, Case, Outcome, favoured_size, run

DEFAULT_RULES = ("mean", "median", "trimmed", "krum", "stable 0.5%", "scored 0.5%")
# (data, partition, attackers among ten members)
SCENES = (
    ("digits", "iid", 4),
    ("digits", "unequal", 4),
    ("digits", "shards", 2),
    ("digits", "dirichlet", 4),
    ("air", "iid", 4),
    ("air", "climates", 2),
)


def cases(args: argparse.Namespace) -> Iterator[Case]:
    for data, partition, n_attackers in SCENES:
        if (args.data and data != args.data) or (args.partition and partition != args.partition):
            continue
        for attack in ATTACKS:
            count = 0 if attack == "none" else n_attackers
            for rule in ("honest", *args.rules):
                # Honest-only averaging is the same whatever the others do.
                if rule == "honest" and attack not in ("none", "flip"):
                    continue
                for seed in range(args.seeds):
                    yield Case(data, partition, attack, count, rule, seed, args.loss)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--cluster", help="of a Dask scheduler, such as tcp://10.0.0.5:8786")
    parser.add_argument("--data", choices=sorted({scene[0] for scene in SCENES}))
    parser.add_argument("--partition", choices=sorted({scene[1] for scene in SCENES}))
    parser.add_argument("--rules", nargs="+", choices=list(RULES), default=list(DEFAULT_RULES))
    parser.add_argument(
        "--loss",
        choices=("cross_entropy", "hinge", "zero_one"),
        default="cross_entropy",
        help="what validation goes by, on digits",
    )
    parser.add_argument("--favourites", action="store_true")
    args = parser.parse_args()
    if args.favourites:
        favourites(args)
        return
    todo = list(cases(args))

    def progress(done: int, total: int) -> None:
        print(f"\r{done} of {total} runs", end="", file=sys.stderr, flush=True)

    with spread(args.jobs, args.cluster):
        outcomes = map_all(run, todo, progress)
    print(file=sys.stderr)
    report(outcomes, args.rules)


def favourites(args: argparse.Namespace) -> None:
    """The mean size of the least stable set that holds a favoured member, of ten honest ones."""
    sizes = {}
    print("| data | members in the least stable set that holds a favoured one |")
    print("|---|--:|")
    for data, partition, _ in SCENES:
        found = [favoured_size(data, partition, seed) for seed in range(args.seeds)]
        sizes[f"{data}_{partition}"] = round(sum(found) / len(found), 2)
        print(f"| {data}, {partition} | {sizes[f'{data}_{partition}']:.1f} of 10 |")
    print()
    print(json.dumps({"favoured_set_size": sizes}))


def report(outcomes: list[Outcome], rules: Sequence[str]) -> None:
    """The table in Markdown, then one line of JSON."""
    points: dict[tuple[str, str, str, int, str], list[float]] = defaultdict(list)
    kept: dict[tuple[str, str, str, int, str], list[tuple[float, float]]] = defaultdict(list)
    for outcome in outcomes:
        case = outcome.case
        key = (case.data, case.partition, case.attack, case.n_attackers, case.rule)
        points[key].append(outcome.points)
        kept[key].append((outcome.honest_included, outcome.attackers_included))

    def mean(numbers: list[float]) -> float:
        return sum(numbers) / len(numbers)

    header = ["data", "attack", "honest only", *rules, f"in by {rules[-1]}: honest, attackers"]
    print("| " + " | ".join(header) + " |")
    print("|---|---|" + "--:|" * (len(header) - 2))
    below: dict[str, dict[str, float]] = {}
    for data, partition, attack, n_attackers, rule in list(points):
        if rule != rules[0]:
            continue
        row = (data, partition, attack, n_attackers)
        reference = mean(
            points[(*row, "honest")]
            if (*row, "honest") in points
            else points[(data, partition, "flip", n_attackers, "honest")]
        )
        found = {name: mean(points[(*row, name)]) for name in rules}
        honest, attackers = (
            mean([pair[place] for pair in kept[(*row, rules[-1])]]) for place in (0, 1)
        )
        label = f"{attack} {n_attackers}/10" if n_attackers else attack
        cells = [f"{reference:.1f}", *(f"{found[name]:.1f}" for name in rules)]
        cells.append(f"{honest:.2f}, {attackers:.2f}" if n_attackers else f"{honest:.2f}")
        print(f"| {data}, {partition} | {label} | " + " | ".join(cells) + " |")
        below[f"{data}_{partition}_{attack}"] = {
            name: round(reference - value, 2) for name, value in found.items()
        }
    print()
    print(json.dumps({"points_under_honest": below}))


if __name__ == "__main__":
    main()
