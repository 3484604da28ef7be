import ape

from tests.conftest import DAY_S


def test_open__stranger__reverts(rounds, plan, refused_to_outsiders):
    refused_to_outsiders(
        rounds.open, tuple(plan.values()), reason="open: caller is not the alliance"
    )


def test_open__by_the_alliance__is_open(rounds, plan, round_id):
    assert rounds.phase(round_id) == 1
    kept = rounds.plan(round_id)
    assert {name: kept[name] for name in plan} == plan


def test_open__out_of_bounds__reverts(rounds, plan, timelock):
    now = plan["submit_until"] - DAY_S
    for changes, reason in [
        ({"model_id": 0}, "open: unknown model"),
        ({"base_version": 1}, "open: unknown base version"),
        ({"plan_hash": bytes(32)}, "open: no plan hash"),
        ({"plan_cid": b""}, "open: no plan cid"),
        ({"share_pool": 2**128}, "open: share pool too large"),
        ({"weight_cap": 0}, "open: weight cap is zero"),
        ({"submit_until": now}, "open: submission is over"),
        ({"submit_until": now + 31 * DAY_S}, "open: submission too long"),
        ({"aggregate_until": plan["submit_until"]}, "open: no time to aggregate"),
        ({"aggregate_until": now + 40 * DAY_S}, "open: aggregation too long"),
        ({"window_s": 599}, "open: window too short"),
        ({"window_s": 7 * DAY_S + 1}, "open: window too long"),
        ({"lock_wei": 10**18 - 1}, "open: lock too small"),
    ]:
        with ape.reverts(reason):
            rounds.open(tuple((plan | changes).values()), sender=timelock)


def test_plan__unknown_round__reverts(rounds, round_id):
    for unknown in (0, round_id + 1):
        for view in (rounds.plan, rounds.phase, rounds.aggregate_of):
            with ape.reverts("rounds: unknown round"):
                view(unknown)
