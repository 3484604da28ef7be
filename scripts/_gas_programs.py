"""Programs of the gas bench, and what publishing and running them costs."""

from __future__ import annotations

from collections.abc import Callable

from cairn.domain.integers import pack_features
from cairn.domain.programs import FeatureRule, LayerSpec, Program, dense_program, linear_program
from scripts._bench import Bench


def linear(n_features: int) -> Program:
    """A linear program with a different multiplier for each feature."""
    rules = [FeatureRule(-10_000, 10_000, 0, 5, 1_000 + 7 * i) for i in range(n_features)]
    return linear_program(rules, bias=10**6, shift=10)


def dense() -> Program:
    """A dense program: 30 features, a layer of 16 units, 3 scores."""
    rules = [FeatureRule(-1_000, 1_000, 0, 0, 1) for _ in range(30)]
    layers = []
    for n_inputs, n_units, bits in ((30, 16, 8), (16, 3, 0)):
        weights = [[(7 * i + 3 * j) % 17 - 8 for i in range(n_inputs)] for j in range(n_units)]
        layers.append(LayerSpec(weights, [100] * n_units, shift=4, bits=bits))
    return dense_program(rules, layers)


def features_of(program: Program) -> bytes:
    return pack_features([100 * (i + 1) % 997 for i in range(program.n_features)])


PROGRAMS: dict[str, Callable[[], Program]] = {
    "4 features": lambda: linear(4),
    "30 features": lambda: linear(30),
    "dense 30-16-3": dense,
}


def publish(bench: Bench) -> dict[str, Program]:
    """Publish the programs and run each once."""
    programs = {name: make() for name, make in PROGRAMS.items()}
    store, evaluator = bench.system.program_store, bench.system.evaluator
    for detail, program in programs.items():
        for function, args in program.publish_calls():
            bench.send(store, function, *args, detail=detail, sender=bench.operator)
        features = features_of(program)
        bench.send_view(evaluator, "evaluate", program.hash, features, detail=detail)
        if bytes(evaluator.evaluate(program.hash, features)) != program.run_packed(features):
            raise bench.stage.failure(f"the evaluator's integers differ ({detail})")
    return programs
