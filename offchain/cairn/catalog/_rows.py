"""What the index answers with, as JSON can say it: numbers beyond 2**53 are texts."""

from __future__ import annotations

from typing import Any

from cairn.catalog._records import ListedModel, ListedVersion, Provider
from cairn.domain.cid import Cid, CidError


def model_row(model: ListedModel) -> dict[str, Any]:
    """A model; its price in the smallest unit of its currency."""
    sale, row = model.sale, {}
    if sale is not None:
        row = {
            "version": sale.version,
            "terms": sale.terms_id,
            "price_units": str(sale.price),
            "operator_bps": sale.operator_bps,
            "holders_bps": sale.holders_bps,
            "window_s": sale.window_s,
            "lock_wei": str(sale.lock_wei),
            "policy": sale.policy_id,
        }
    return {
        "id": model.model_id,
        "name": model.name,
        "alliance": model.alliance_name or model.alliance,
        "timelock": model.alliance,
        "currency": model.currency,
        "tags": list(model.tags),
        "aliases": dict(model.aliases),
        "versions": model.versions,
        **row,
        "providers": list(model.providers),
        "schema_cid": _cid_text(model.schema_cid),
        "endpoints": dict(model.endpoints),
        "needs_evaluation": model.needs_evaluation,
        "deprecated": model.deprecated,
        "created_at": model.created_at,
    }


def version_row(version: ListedVersion) -> dict[str, Any]:
    """A version."""
    return {
        "model": version.model_id,
        "name": version.model,
        "version": version.version,
        "sold": version.is_sold,
        "aliases": list(version.aliases),
        "parent": version.parent,
        "round": version.round_id,
        "program_hash": "0x" + version.program_hash.hex(),
        "program_cid": _cid_text(version.program_cid),
        "card_cid": _cid_text(version.card_cid),
        "registered_at": version.registered_at,
        "evaluations": [
            {
                "id": one.evaluation_id,
                "operator": one.operator,
                "rows": one.n_rows,
                "loss_kind": one.loss_kind,
                "total_loss": str(one.total_loss),
                "ended": one.ended,
            }
            for one in version.evaluations
        ],
        "qualified_by": version.qualified_by or None,
        "deprecated": version.deprecated,
    }


def provider_row(provider: Provider) -> dict[str, Any]:
    """An operator."""
    return {
        "operator": provider.operator,
        "stake_wei": str(provider.stake_wei),
        "unbonding_wei": str(provider.unbonding_wei),
        "slashed_wei": str(provider.slashed_wei),
        "models": list(provider.models),
        "endpoints": {str(model_id): url for model_id, url in provider.endpoints.items()},
    }


def _cid_text(binary: bytes) -> str | None:
    """A CID as people write it; None for what is none: a registrant may have put anything there."""
    try:
        return str(Cid.from_bytes(binary)) if binary else None
    except CidError:
        return None
