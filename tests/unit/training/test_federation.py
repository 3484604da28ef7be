"""The bench's federations: rounds by Cairn's own code, on simulated members."""

import numpy as np

from tools.training.federation import Group, aggregate, air_members, hand_in, train_all


def test_aggregate__members_who_lie__are_left_out_and_the_loss_falls() -> None:
    members = air_members(8, seed=1, n_attackers=2)
    base = None
    totals = []
    for _ in range(3):
        updates = train_all(members, base, "flip")
        played = aggregate(members, *hand_in(updates), base, scored=True)
        assert played.selection is not None
        assert played.losses is not None
        assert not {0, 1} & {one.index for one in played.aggregate.updates}
        totals.append(played.losses.total)
        base = played.aggregate.parameters
    assert totals[0] > totals[1] > totals[2]
    first = aggregate(members, *hand_in(train_all(members, None, "flip")), None, scored=True)
    assert base is not None
    assert members.points(base) > members.points(first.aggregate.parameters) > 0


def test_train_all__sign_attack__is_ten_times_the_honest_update_turned_round() -> None:
    members = air_members(4, seed=1, n_attackers=1)
    honest, attacked = (train_all(members, None, attack) for attack in ("none", "sign"))
    assert np.array_equal(attacked[0].values, -10 * honest[0].values)
    assert np.array_equal(attacked[1].values, honest[1].values)


def test_combine__a_group__hands_up_its_step_and_its_members_weight() -> None:
    members = air_members(6, seed=2)
    base = train_all(members, None, "none")[0].values
    update, n_liars = Group(members, base, "none").combine()
    played = aggregate(members, *hand_in(train_all(members, base, "none")), base, scored=True)
    assert n_liars == 0
    assert np.array_equal(base + update.values, played.aggregate.parameters)
    assert update.weight == sum(one.update.weight for one in played.aggregate.updates)
