"""Plans: their canonical bytes, their hash, and what they refuse."""

import json

import pytest

from cairn.domain.keccak import keccak256
from cairn.domain.schema import Column, Schema
from cairn.training import EstimatorPlan, FeaturePlan, Plan, PlanError, RulePlan, ScalePlan


def test_to_json__read_back__gives_the_same_plan_and_hash(plan: Plan) -> None:
    again = Plan.from_json(plan.to_json())
    assert again == plan
    assert again.hash == plan.hash == keccak256(plan.to_json())


def test_to_json__any_plan__holds_no_float_and_no_space(plan: Plan) -> None:
    def refuse(text: str) -> None:
        raise AssertionError(f"a float in the plan: {text}")

    text = plan.to_json()
    fields = json.loads(text, parse_float=refuse)
    assert b" " not in text
    assert list(fields) == sorted(fields)


def test_hash__one_value_changed__is_another(plan: Plan) -> None:
    fields = json.loads(plan.to_json())
    fields["features"][1]["center"] += 1
    other = Plan.from_json(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode())
    assert other.hash != plan.hash


def test_from_json__spaces_or_key_order__is_refused(plan: Plan) -> None:
    fields = json.loads(plan.to_json())
    for spelling in (
        json.dumps(fields, sort_keys=True),
        json.dumps(dict(reversed(fields.items())), separators=(",", ":")),
    ):
        with pytest.raises(PlanError, match="canonical"):
            Plan.from_json(spelling.encode())


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("clip",), 0, r"plan: clip: "),
        (("clip",), 2**31, r"plan: clip: "),
        (("clip",), 1.5, r"plan: clip: "),
        (("seed",), -1, r"plan: seed: "),
        (("unit_bits",), 15, r"plan: unit_bits: "),
        (("format",), "cairn-plan/2", r"plan: format: "),
        (("schema_hash",), "0x12", r"plan: schema_hash: "),
        (("min_readings",), 0, r"plan: min_readings: "),
        (("surprise",), 1, r"plan: surprise: "),
        (("features",), [], r"plan: features: "),
        (("features", 2, "shift"), 31, r"plan: features\[2\]\.shift: "),
        (("features", 0, "center"), -(2**31), r"plan: features\[0\]\.center: "),
        (("features", 1, "name"), "a b", r"plan: features\[1\]\.name: a name is"),
        (("features", 1, "name"), "temperature", r"plan: features: 'temperature' is listed"),
        (("features", 0, "imputed"), 2**30, r"plan: features\[0\].* is outside"),
        (("features", 0, "lo"), 2**30, r"plan: features\[0\].* is above hi"),
        (("target", "name"), "humidity", r"plan: target\.name: 'humidity' is one of"),
        (("rule", "weight_cap"), 2**22 + 1, r"plan: rule\.weight_cap: "),
        (("rule", "trim_permille"), 500, r"plan: rule\.trim_permille: "),
        (("rule", "trim_permille"), 100, r"plan: rule.* weighted_mean trims nothing"),
        (("rule", "momentum_permille"), 1000, r"plan: rule\.momentum_permille: "),
        (("rule", "name"), "krum", r"plan: rule"),
        (("estimator", "name"), "SVR", r"plan: estimator.* no estimator 'SVR'"),
        (("estimator", "parameters"), {"alpha": "1e-3"}, r"plan: estimator.* plain decimal"),
        (("estimator", "parameters"), {"alpha": 1}, r"plan: estimator\.parameters\.alpha"),
        (("estimator", "parameters"), {"solver": "svd"}, r"no parameter 'solver'"),
    ],
)
def test_from_json__a_bad_value__is_refused_by_name(
    plan: Plan, path: tuple[str | int, ...], value: object, message: str
) -> None:
    fields = json.loads(plan.to_json())
    place = fields
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(PlanError, match=message):
        Plan.from_json(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode())


def test_from_json__not_json__is_refused() -> None:
    with pytest.raises(PlanError, match="plan: "):
        Plan.from_json(b"{")


def test_init__a_bad_part__is_refused_by_name() -> None:
    with pytest.raises(PlanError, match="shift"):
        FeaturePlan(name="x", center=0, shift=-1, lo=0, hi=1, imputed=0)
    with pytest.raises(PlanError, match="epochs is '0'"):
        EstimatorPlan(name="SGDRegressor", parameters={"epochs": "0"})
    with pytest.raises(PlanError, match="loss is 'hinge': take one of"):
        EstimatorPlan(name="SGDRegressor", parameters={"loss": "hinge"})


def test_plan__once_made__cannot_be_changed(plan: Plan) -> None:
    with pytest.raises(ValueError, match="frozen"):
        plan.seed = 8
    with pytest.raises(TypeError):
        plan.estimator.parameters["alpha"] = "2"  # type: ignore[index]


def test_from_schema__any_column__is_scaled_to_order_one(schema: Schema) -> None:
    plan = Plan.from_schema(schema)
    for part, column in zip(plan.features, schema.features, strict=True):
        assert (part.name, part.lo, part.hi) == (column.name, column.low, column.high)
        for end in (part.lo, part.hi):
            assert abs(end - part.center) <= 2**part.shift
        assert max(part.hi - part.center, part.center - part.lo) > 2 ** (part.shift - 1)
    assert [part.imputed is None for part in plan.features] == [False, False, True]
    assert plan.target.name == "gas_resistance"
    assert plan.schema_hash == "0x" + schema.schema_hash.hex()


def test_from_schema__a_range__narrows_the_column(plan: Plan) -> None:
    pressure = plan.features[2]
    assert (pressure.lo, pressure.hi, pressure.center) == (95_000, 105_000, 100_000)
    assert pressure.shift == 13


def test_from_schema__full_int32_column__still_fits() -> None:
    wide = Column("wide", "1", "1", str(-(2**31) + 1), str(2**31 - 1))
    flat = Column("flat", "1", "1", "5", "5")
    plan = Plan.from_schema(
        Schema(features=(wide, flat), targets=(Column("y", "1", "1", "0", "1"),))
    )
    assert plan.features[0].shift == 30
    assert plan.features[1].shift == 0


def test_from_schema__a_bad_range_or_target__is_refused(schema: Schema) -> None:
    with pytest.raises(PlanError, match="no column 'light'"):
        Plan.from_schema(schema, ranges={"light": (0, 1)})
    with pytest.raises(PlanError, match="not a part of the schema's"):
        Plan.from_schema(schema, ranges={"humidity": (0, 20_000)})
    two = Schema(features=schema.features[:2], targets=(schema.features[2], *schema.targets))
    with pytest.raises(PlanError, match="has 2 targets"):
        Plan.from_schema(two)


@pytest.mark.parametrize(
    ("estimator", "changes", "message"),
    [
        ("SGDClassifier", {"n_classes": 0}, "n_classes is 0: say how many classes SGDClassifier"),
        ("MLPClassifier", {"n_classes": 1}, "n_classes is 1: a classifier tells at least two"),
        ("MLPClassifier", {"n_classes": 17}, "n_classes: "),
        ("Ridge", {"n_classes": 2}, "n_classes is 2, but Ridge is a regressor"),
        ("Ridge", {"scales": ScalePlan()}, "scales: Ridge has none: leave them out"),
        ("Ridge", {"rule": RulePlan(name="union", weight_cap=1)}, "'union', but Ridge averages"),
        (
            "DecisionTreeRegressor",
            {"rule": RulePlan(weight_cap=1)},
            "'weighted_mean', but DecisionTreeRegressor grows trees",
        ),
        (
            "ExtraTreesRegressor",
            {"parameters": {"max_depth": "31"}},
            "max_depth is 31: at most 30",
        ),
        (
            "MLPRegressor",
            {"parameters": {"hidden_layer_sizes": "16,0"}},
            "hidden_layer_sizes is '16,0': write the units of each hidden layer",
        ),
        ("MLPRegressor", {}, r"scales: layer 0: scores of 2\*\*29 units leave no room in 32 bits"),
        (
            "SGDRegressor",
            {"parameters": {"penalty": "l1", "proximal_mu": "0.1"}},
            "proximal_mu adds a squared distance to the penalty: leave penalty at 'l2'",
        ),
        ("Ridge", {"parameters": {"proximal_mu": "0.1"}}, "Ridge has no parameter 'proximal_mu'"),
        (
            "MLPClassifier",
            {
                "n_classes": 3,
                "parameters": {"hidden_layer_sizes": "64,2"},
                "scales": ScalePlan(weight_bits=12, activation_bits=0),
            },
            "scales: layer 1: with activations below .* its sums would be shifted by -",
        ),
    ],
)
def test_from_schema__parts_that_do_not_go_together__is_refused_by_field(
    schema: Schema, estimator: str, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(PlanError, match=message):
        Plan.from_schema(schema, estimator=estimator, **changes)  # type: ignore[arg-type]


def test_from_schema__each_family__reads_back_and_counts_its_parameters(schema: Schema) -> None:
    mlp = Plan.from_schema(
        schema,
        estimator="MLPClassifier",
        parameters={"hidden_layer_sizes": "8,5"},
        n_classes=4,
    )
    forest = Plan.from_schema(schema, estimator="RandomForestRegressor", parameters={"tiles": "2"})
    assert mlp.layer_sizes == (3, 8, 5, 4)
    assert mlp.n_parameters == 8 * 4 + 5 * 9 + 4 * 6
    assert forest.n_parameters == 2 * 704 * 8
    for plan in (mlp, forest):
        assert Plan.from_json(plan.to_json()) == plan
