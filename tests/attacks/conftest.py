"""A model on sale, an operator who serves it, and a request: where most thieves begin."""

from tests.unit.inference_market.conftest import (  # noqa: F401
    answered,
    features,
    ledger,
    lied,
    market,
    model_id,
    outputs,
    owed,
    request_id,
    serving,
)
