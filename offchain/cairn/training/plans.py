"""A round's plan: everything that a member, an aggregator and a judge must agree on.

A plan is canonical JSON (sorted keys, no spaces, ASCII), and its id is the Keccak-256 of those
bytes. Numbers in it are integers; hyper-parameters of the float estimator, which no contract ever
judges, are decimal strings.

Units: a feature x in device integers is standardised to z = (x - center) / 2^shift, the target
likewise; a parameter is an integer multiple of 2^-16 in those standardised units.

An estimator belongs to a *family*, which says what an update holds and how updates come together:

- linear: one score, the intercept and a coefficient for each feature; averaged.
- dense: layers of units, each its bias and then its weights; averaged. SGDClassifier and the two MLP.
- trees: tiles of trees grown at a member's place; united, since there is no mean of two trees.
"""

import itertools
import json
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, Self, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    model_validator,
)

from cairn.domain.integers import INT32_MAX, INT32_MIN, MISSING
from cairn.domain.keccak import keccak256
from cairn.domain.programs import DenseScales, ProgramError, Ranges
from cairn.domain.schema import Schema
from cairn.training.errors import PlanError

__all__ = [
    "MAX_CLASSES",
    "MAX_FEATURES",
    "MAX_SHIFT",
    "MAX_UPDATES",
    "MAX_WEIGHT_CAP",
    "UNIT_BITS",
    "EstimatorPlan",
    "Family",
    "FeaturePlan",
    "Plan",
    "RulePlan",
    "ScalePlan",
    "TargetPlan",
]

UNIT_BITS: Final = 16
"""A parameter's unit is 2^-16: enough for six digits, and a clip bound of 2^15 fits 32 bits."""
MAX_SHIFT = 30
"""Half of the int32 range is 2^31: no feature needs a wider scale than 2^30 to be of order one."""
MAX_FEATURES = 504
"""As many as a linear program has."""
SCORE_DECIMALS = 3
"""Of a classifier's scores, unless the plan says otherwise: a thousandth of a nat."""
MAX_CLASSES = 16
"""As many as a program of trees has scores."""
MAX_TREE_FEATURES = 128
"""As many as a program of trees has."""
MAX_PARAMETERS = 2**20
"""Four megabytes an update: no dense program of that many weights fits its format."""
MAX_TREE_DEPTH = 30
"""2^30 rows and more would be asked for to fill a deeper one."""
TILE_INTEGERS = 704 * 8
"""A tile of trees is at most 704 words of 256 bits, eight integers each."""
MAX_UPDATES = 1024
"""What one aggregate may average; a contract's round bounds it further."""
MAX_WEIGHT_CAP = 2**22
"""With MAX_UPDATES updates of int32, a weighted sum stays below 2^10 * 2^22 * 2^31 = 2^63."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?")

Family = Literal["linear", "dense", "trees"]

_Kinds: TypeAlias = Mapping[str, str | tuple[str, ...]]

_GRADIENT: _Kinds = {
    "alpha": "decimal",
    "batch_size": "count",
    "epochs": "count",
    "proximal_mu": "decimal",
}
_MLP: _Kinds = {
    **_GRADIENT,
    "hidden_layer_sizes": "sizes",
    "learning_rate_init": "decimal",
    "momentum": "decimal",
}
_FOREST: _Kinds = {
    "max_depth": "count",
    "max_features": "decimal",
    "min_samples_leaf": "count",
    "n_estimators": "count",
    "tiles": "count",
}
_TREE: _Kinds = {"max_depth": "count", "min_samples_leaf": "count", "tiles": "count"}

# What may be set for an estimator: "decimal", "count" and "sizes" by their kind, else one of the words.
_ESTIMATORS: Mapping[str, tuple[Family, _Kinds]] = MappingProxyType(
    {
        "LinearRegression": ("linear", {}),
        "Ridge": ("linear", {"alpha": "decimal"}),
        "Lasso": ("linear", {"alpha": "decimal", "epochs": "count"}),
        "ElasticNet": (
            "linear",
            {"alpha": "decimal", "l1_ratio": "decimal", "epochs": "count"},
        ),
        "HuberRegressor": (
            "linear",
            {"alpha": "decimal", "epsilon": "decimal", "epochs": "count"},
        ),
        "SGDRegressor": (
            "linear",
            {
                "loss": ("squared_error", "huber", "epsilon_insensitive"),
                "penalty": ("l2", "l1", "elasticnet"),
                "learning_rate": ("constant", "optimal", "invscaling", "adaptive"),
                "alpha": "decimal",
                "eta0": "decimal",
                "power_t": "decimal",
                "epochs": "count",
                "proximal_mu": "decimal",
            },
        ),
        "SGDClassifier": (
            "dense",
            {**_GRADIENT, "eta0": "decimal", "loss": ("hinge", "log_loss")},
        ),
        "MLPClassifier": ("dense", _MLP),
        "MLPRegressor": ("dense", _MLP),
        "DecisionTreeClassifier": ("trees", _TREE),
        "DecisionTreeRegressor": ("trees", _TREE),
        "ExtraTreesClassifier": ("trees", _FOREST),
        "ExtraTreesRegressor": ("trees", _FOREST),
        "RandomForestClassifier": ("trees", _FOREST),
        "RandomForestRegressor": ("trees", _FOREST),
    }
)


def _check_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError("a name is letters, digits and underscores, at most 64 of them")
    return name


Name = Annotated[str, AfterValidator(_check_name)]
Int32 = Annotated[int, Field(strict=True, gt=INT32_MIN, le=INT32_MAX)]
"""A value that a feature may take: the smallest int32 is kept for a missing one."""
Shift = Annotated[int, Field(strict=True, ge=0, le=MAX_SHIFT)]
Parameters = Annotated[
    Mapping[str, str],
    AfterValidator(lambda mapping: MappingProxyType(dict(mapping))),
    PlainSerializer(dict),
]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    def __init__(self, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as error:
            raise _plan_error(error) from None


class EstimatorPlan(_Part):
    """Which scikit-learn estimator each member fits, and its hyper-parameters."""

    name: str
    parameters: Parameters = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.name not in _ESTIMATORS:
            raise ValueError(f"no estimator {self.name!r}: take one of {', '.join(_ESTIMATORS)}")
        _, allowed = _ESTIMATORS[self.name]
        for key, text in self.parameters.items():
            kind = allowed.get(key)
            if kind is None:
                known = ", ".join(allowed) or "none"
                raise ValueError(f"{self.name} has no parameter {key!r}; it has: {known}")
            if kind == "decimal":
                if not _DECIMAL.fullmatch(text) or text.startswith("-"):
                    raise ValueError(f"{key} is {text!r}: write a plain decimal such as '0.001'")
            elif kind == "count":
                if not re.fullmatch(r"[1-9][0-9]{0,5}", text):
                    raise ValueError(f"{key} is {text!r}: write a whole number from 1 on")
            elif kind == "sizes":
                if not re.fullmatch(r"([1-9][0-9]{0,2}(,[1-9][0-9]{0,2}){0,14})?", text):
                    raise ValueError(
                        f"{key} is {text!r}: write the units of each hidden layer, such as '16,8'; "
                        "nothing for none"
                    )
            elif text not in kind:
                raise ValueError(f"{key} is {text!r}: take one of {', '.join(kind)}")
        if self.family == "trees" and self.tree_depth > MAX_TREE_DEPTH:
            raise ValueError(f"max_depth is {self.tree_depth}: at most {MAX_TREE_DEPTH}")
        if self.proximal_mu and self.parameters.get("penalty", "l2") != "l2":
            raise ValueError(
                "proximal_mu adds a squared distance to the penalty: leave penalty at 'l2'"
            )
        return self

    @property
    def family(self) -> Family:
        return _ESTIMATORS[self.name][0]

    @property
    def is_classifier(self) -> bool:
        return self.name.endswith("Classifier")

    @property
    def hidden(self) -> tuple[int, ...]:
        """The units of each hidden layer."""
        text = self.parameters.get("hidden_layer_sizes", "")
        return tuple(int(size) for size in text.split(",")) if text else ()

    @property
    def proximal_mu(self) -> float:
        """How strongly a member is held to the base version: FedProx's mu (Li et al. 2020)."""
        return float(self.parameters.get("proximal_mu", "0"))

    @property
    def tree_depth(self) -> int:
        return int(self.parameters.get("max_depth", "6"))

    @property
    def n_trees(self) -> int:
        """Trees that one member grows."""
        alone = self.name.startswith("DecisionTree")
        return 1 if alone else int(self.parameters.get("n_estimators", "10"))

    @property
    def n_tiles(self) -> int:
        """Tiles that a member's trees may take."""
        return int(self.parameters.get("tiles", "1"))


class FeaturePlan(_Part):
    """One input: z = (clamp(x, lo, hi) - center) / 2^shift.

    `imputed` stands in for a missing value. Where it is None, members leave such a reading out of
    training and the program answers `invalid`.
    """

    name: Name
    center: Int32
    shift: Shift
    lo: Int32
    hi: Int32
    imputed: Int32 | None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.lo > self.hi:
            raise ValueError(f"lo {self.lo} is above hi {self.hi}")
        if self.imputed is not None and not self.lo <= self.imputed <= self.hi:
            raise ValueError(f"imputed {self.imputed} is outside [{self.lo}, {self.hi}]")
        return self


class TargetPlan(_Part):
    """What is predicted: t = (y - center) / 2^shift; y / 10^decimals is in its physical unit.

    n_classes: 0 for a regression; else y is a class from 0, center and shift are 0, and decimals are
    those of the scores.
    """

    name: Name
    center: Int32
    shift: Shift
    decimals: Annotated[int, Field(strict=True, ge=-9, le=9)] = 0
    n_classes: Annotated[int, Field(strict=True, ge=0, le=MAX_CLASSES)] = 0

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.n_classes == 1:
            raise ValueError("n_classes is 1: a classifier tells at least two apart")
        if self.n_classes and (self.center or self.shift):
            raise ValueError("a class is no measurement: leave center and shift at 0")
        if self.n_classes and self.decimals < 0:
            raise ValueError(f"decimals is {self.decimals}: scores have 0 to 9")
        return self


class ScalePlan(_Part):
    """How wide the numbers of a dense program are: a weight is below 2^weight_bits, an activation
    below 2^activation_bits, and what is larger is clamped. Fewer bits mean finer steps.
    """

    weight_bits: Annotated[int, Field(strict=True, ge=0, le=12)] = 2
    activation_bits: Annotated[int, Field(strict=True, ge=0, le=12)] = 3


class RulePlan(_Part):
    """How updates become an aggregate. `union` is for trees, and for them alone.

    weight_cap: the most readings that count for one member. trim_permille: of the members, how many
    a trimmed mean cuts at each end of a coordinate. momentum_permille: the part of the base
    version's own step that the new one carries on.
    """

    name: Literal["weighted_mean", "trimmed_mean", "median", "union"] = "weighted_mean"
    weight_cap: Annotated[int, Field(strict=True, ge=1, le=MAX_WEIGHT_CAP)]
    trim_permille: Annotated[int, Field(strict=True, ge=0, lt=500)] = 0
    momentum_permille: Annotated[int, Field(strict=True, ge=0, lt=1000)] = 0

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.trim_permille and self.name != "trimmed_mean":
            raise ValueError(
                f"trim_permille is {self.trim_permille}, but {self.name} trims nothing"
            )
        if self.momentum_permille and self.name == "union":
            raise ValueError(
                f"momentum_permille is {self.momentum_permille}, but trees have no momentum"
            )
        return self


class Plan(_Part):
    """A round's plan. `clip` bounds an update's L2 norm, in units of 2^-16."""

    format: Literal["cairn-plan/1"] = "cairn-plan/1"
    schema_hash: Annotated[str, Field(pattern=r"^0x[0-9a-f]{64}$")]
    estimator: EstimatorPlan
    seed: Annotated[int, Field(strict=True, ge=0, lt=2**32)] = 0
    features: Annotated[tuple[FeaturePlan, ...], Field(min_length=1, max_length=MAX_FEATURES)]
    target: TargetPlan
    unit_bits: Literal[16] = UNIT_BITS
    clip: Annotated[int, Field(strict=True, ge=1, le=INT32_MAX)]
    min_readings: Annotated[int, Field(strict=True, ge=1, le=MAX_WEIGHT_CAP)]
    rule: RulePlan
    scales: ScalePlan | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        names = [feature.name for feature in self.features]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"features: {name!r} is listed twice")
        if self.target.name in names:
            raise ValueError(f"target.name: {self.target.name!r} is one of the features")
        self._check_family()
        return self

    def _check_family(self) -> None:
        estimator, family = self.estimator, self.estimator.family
        if estimator.is_classifier and not self.target.n_classes:
            raise ValueError(
                f"target.n_classes is 0: say how many classes {estimator.name} tells apart"
            )
        if self.target.n_classes and not estimator.is_classifier:
            raise ValueError(
                f"target.n_classes is {self.target.n_classes}, but {estimator.name} is a regressor"
            )
        if (self.rule.name == "union") != (family == "trees"):
            raise ValueError(
                f"rule.name is {self.rule.name!r}, but {estimator.name} "
                + (
                    "grows trees, which 'union' brings together"
                    if family == "trees"
                    else "averages"
                )
            )
        if family == "trees" and self.n_features > MAX_TREE_FEATURES:
            raise ValueError(f"features: trees take at most {MAX_TREE_FEATURES} of them")
        if family != "dense":
            if self.scales is not None:
                raise ValueError(f"scales: {estimator.name} has none: leave them out")
            return
        if self.scales is None:
            raise ValueError(f"scales: {estimator.name} wants them; {{}} takes the usual ones")
        if self.n_parameters > MAX_PARAMETERS:
            raise ValueError(
                f"estimator: {self.n_parameters} parameters, at most {MAX_PARAMETERS}: name fewer "
                "units"
            )
        try:
            self.dense_scales()
        except ProgramError as error:
            raise ValueError(f"scales: {error}") from None

    @property
    def n_features(self) -> int:
        return len(self.features)

    @property
    def n_scores(self) -> int:
        """What a dense model or trees say: one score, or one for each of more than two classes."""
        if self.estimator.family == "trees":
            return self.target.n_classes or 1
        return self.target.n_classes if self.target.n_classes > 2 else 1

    @property
    def layer_sizes(self) -> tuple[int, ...]:
        """Of a dense model: features, the units of each hidden layer, scores."""
        return (self.n_features, *self.estimator.hidden, self.n_scores)

    @property
    def n_parameters(self) -> int:
        """How many integers an update has.

        linear: the intercept, then one coefficient for each feature, in their order. dense: for each
        layer and each of its units the bias, then one weight for each input. trees: 5,632 for each
        tile, eight to a word.
        """
        if self.estimator.family == "trees":
            return self.estimator.n_tiles * TILE_INTEGERS
        sizes = self.layer_sizes
        return sum((n + 1) * m for n, m in itertools.pairwise(sizes))

    @property
    def ranges(self) -> Ranges:
        """The features as programs take them."""
        return Ranges(
            centers=tuple(feature.center for feature in self.features),
            shifts=tuple(feature.shift for feature in self.features),
            lo=tuple(feature.lo for feature in self.features),
            hi=tuple(feature.hi for feature in self.features),
            # A program answers `invalid` where a value is missing and MISSING would stand in for it.
            imputed=tuple(
                MISSING if feature.imputed is None else feature.imputed for feature in self.features
            ),
        )

    def dense_scales(self) -> DenseScales:
        """The scales of a dense model's program; raises ProgramError if 32 bits are too few."""
        scales = self.scales or ScalePlan()
        return DenseScales.of(
            self.layer_sizes,
            self.ranges,
            weight_bits=scales.weight_bits,
            activation_bits=scales.activation_bits,
            target_center=self.target.center,
            target_shift=self.target.shift,
            score_decimals=self.target.decimals if self.target.n_classes else 0,
        )

    def to_json(self) -> bytes:
        """The canonical bytes: sorted keys, no spaces, ASCII."""
        fields = self.model_dump(mode="json")
        return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode("ascii")

    @property
    def hash(self) -> bytes:
        """Keccak-256 of the canonical bytes: `plan_hash` on chain."""
        return keccak256(self.to_json())

    @classmethod
    def from_json(cls, data: bytes) -> "Plan":
        """Read a plan. Raises PlanError that names a bad field, or if the bytes are not canonical.

        A second spelling of the same plan would have a second hash, so it is refused.
        """
        try:
            plan = cls.model_validate_json(data)
        except ValidationError as error:
            raise _plan_error(error) from None
        if plan.to_json() != data:
            raise PlanError(
                "the plan is not in canonical JSON: sort its keys, leave out spaces, name every "
                "field, as Plan.to_json does"
            )
        return plan

    @classmethod
    def from_schema(
        cls,
        schema: Schema,
        *,
        estimator: str = "Ridge",
        parameters: Mapping[str, str] | None = None,
        ranges: Mapping[str, tuple[int, int]] | None = None,
        seed: int = 0,
        clip: int = 64 << UNIT_BITS,
        min_readings: int | None = None,
        rule: RulePlan | None = None,
        n_classes: int = 0,
        scales: ScalePlan | None = None,
    ) -> "Plan":
        """A plan that predicts a schema's target from all its features, in the schema's order.

        Each center is the middle of the column's range and each shift the least that keeps
        |z| <= 1; values are clamped to the range, and the center stands in for a missing one if
        the column may be missing. `ranges` narrows a column to the device integers that it really
        takes: far better conditioned than a sensor's full scale. `min_readings` defaults to one
        more than the features' coefficients, `rule` to a weighted mean (trees: a union) under a cap of
        10,000 readings. `n_classes` is for classifiers: the target then holds classes from 0, and
        the scores have three decimals. Raises PlanError for a column that the schema lacks, or for
        a schema of several targets.
        """
        if len(schema.targets) != 1:
            raise PlanError(
                f"plan: target: the schema has {len(schema.targets)} targets: a plan learns one"
            )
        columns = (*schema.features, *schema.targets)
        bounds = {column.name: (column.low, column.high) for column in columns}
        for name, (low, high) in (ranges or {}).items():
            if name not in bounds:
                raise PlanError(f"plan: ranges: no column {name!r}; there are {', '.join(bounds)}")
            if not bounds[name][0] <= low <= high <= bounds[name][1]:
                raise PlanError(
                    f"plan: ranges.{name}: [{low}, {high}] is not a part of the schema's "
                    f"[{bounds[name][0]}, {bounds[name][1]}]"
                )
            bounds[name] = (low, high)
        parts = []
        for column in schema.features:
            low, high = bounds[column.name]
            center, shift = _scale(low, high)
            imputed = center if column.missing else None
            parts.append(
                FeaturePlan(
                    name=column.name, center=center, shift=shift, lo=low, hi=high, imputed=imputed
                )
            )
        target = schema.targets[0]
        # The canonical spelling of a power of ten is 1 and zeros, or 0.0...1.
        if not re.fullmatch(r"10*|0\.0*1", target.scale):
            raise PlanError(
                f"plan: target.decimals: the scale of {target.name} is {target.scale}, which is no "
                "power of ten: a program declares its scale in decimals"
            )
        decimals = len(target.scale) - 2 if "." in target.scale else 1 - len(target.scale)
        center, shift = _scale(*bounds[target.name])
        if n_classes:
            center, shift, decimals = 0, 0, SCORE_DECIMALS
        chosen = EstimatorPlan(name=estimator, parameters=parameters or {})
        if chosen.family == "dense":
            scales = scales or ScalePlan()
        return cls(
            schema_hash="0x" + schema.schema_hash.hex(),
            estimator=chosen,
            seed=seed,
            features=tuple(parts),
            target=TargetPlan(
                name=target.name,
                center=center,
                shift=shift,
                decimals=decimals,
                n_classes=n_classes,
            ),
            clip=clip,
            min_readings=len(parts) + 2 if min_readings is None else min_readings,
            rule=rule
            or RulePlan(
                name="union" if chosen.family == "trees" else "weighted_mean", weight_cap=10_000
            ),
            scales=scales,
        )


def _scale(low: int, high: int) -> tuple[int, int]:
    """The middle of [low, high] and the least shift with both ends within 2^shift of it."""
    center = (low + high) // 2
    reach = max(high - center, center - low, 1)
    return center, min((reach - 1).bit_length(), MAX_SHIFT)


def _plan_error(error: ValidationError) -> PlanError:
    """The first thing wrong, as `plan: features[2].shift: why`."""
    first = error.errors()[0]
    where = ""
    for part in first["loc"]:
        where += f"[{part}]" if isinstance(part, int) else f".{part}" if where else str(part)
    message = first["msg"].removeprefix("Value error, ")
    # A part has named its own field already: `plan: shift: why` inside features[2].
    inner = re.match(r"plan: ([a-z_\[\]0-9.]+): ", message)
    if inner:
        where += f".{inner[1]}" if where else inner[1]
        message = message[inner.end() :]
    message = message.removeprefix("plan: ")
    return PlanError(f"plan: {where}: {message}" if where else f"plan: {message}")
