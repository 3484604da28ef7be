"""Print the table of docs/rounds-simulation.md: rules against attackers, by data and partition.

    python tools/sim_rounds.py [--seeds N] [--jobs N] [--data digits|air] [--partition NAME]

The last line is JSON: for each row and rule the points below honest-only averaging on the same
partition, a mean over the seeds.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterator

from joblib import Parallel, delayed

from cairn.training.simulation import ATTACKS, RULES, Case, Outcome, run

SHOWN = ("mean", "median", "trimmed", "krum", "stable 0.5%", "scored 0.5%")
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
            for rule in ("honest", *SHOWN):
                # Honest-only averaging is the same whatever the others do.
                if rule == "honest" and attack not in ("none", "flip"):
                    continue
                for seed in range(args.seeds):
                    yield Case(data, partition, attack, count, rule, seed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--data", choices=sorted({scene[0] for scene in SCENES}))
    parser.add_argument("--partition", choices=sorted({scene[1] for scene in SCENES}))
    args = parser.parse_args()
    assert set(SHOWN) <= set(RULES)
    todo = list(cases(args))
    outcomes: list[Outcome] = []
    results = Parallel(n_jobs=args.jobs, return_as="generator", batch_size=4)(
        delayed(run)(case) for case in todo
    )
    for outcome in results:
        outcomes.append(outcome)
        if len(outcomes) % 20 == 0 or len(outcomes) == len(todo):
            print(f"\r{len(outcomes)} of {len(todo)} runs", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    report(outcomes)


def report(outcomes: list[Outcome]) -> None:
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

    header = ["data", "attack", "honest only", *SHOWN, "in: honest, attackers"]
    print("| " + " | ".join(header) + " |")
    print("|---|---|" + "--:|" * (len(header) - 2))
    below: dict[str, dict[str, float]] = {}
    for data, partition, attack, n_attackers, rule in list(points):
        if rule != SHOWN[0]:
            continue
        row = (data, partition, attack, n_attackers)
        reference = mean(
            points[(*row, "honest")]
            if (*row, "honest") in points
            else points[(data, partition, "flip", n_attackers, "honest")]
        )
        found = {name: mean(points[(*row, name)]) for name in SHOWN}
        honest, attackers = (
            mean([pair[place] for pair in kept[(*row, SHOWN[-1])]]) for place in (0, 1)
        )
        label = f"{attack} {n_attackers}/10" if n_attackers else attack
        cells = [f"{reference:.1f}", *(f"{found[name]:.1f}" for name in SHOWN)]
        cells.append(f"{honest:.2f}, {attackers:.2f}" if n_attackers else f"{honest:.2f}")
        print(f"| {data}, {partition} | {label} | " + " | ".join(cells) + " |")
        below[f"{data}_{partition}_{attack}"] = {
            name: round(reference - value, 2) for name, value in found.items()
        }
    print()
    print(json.dumps({"points_under_honest": below}))


if __name__ == "__main__":
    main()
