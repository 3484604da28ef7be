"""A model on sale, an operator who serves it, a request; an alliance that votes and earns."""

from tests.unit.evaluations.conftest import (  # noqa: F401
    evaluations,
    losses,
    opening,
    post_losses,
    registry,
    right,
    rows,
    staked,
    version,
)
from tests.unit.governor.conftest import (  # noqa: F401
    enqueue,
    governor,
    lock,
    payment,
    propose,
    succeed,
)
from tests.unit.inference_market.conftest import (  # noqa: F401
    answered,
    ask,
    challenge_leaf,
    features,
    ledger,
    lied,
    market,
    model_id,
    outputs,
    owed,
    post,
    request_id,
    rich,
    second,
    serving,
    two_in_turn,
    wrong,
)
from tests.unit.share_token.conftest import (  # noqa: F401
    earn,
    payer,
    signed,
    signer,
    token,
)
