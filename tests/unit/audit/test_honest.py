from .conftest import World

def test_x(world: World):
    f = world.audit()
    for x in f.walk(): print(x.link, '|', x.subject, '|', x.state.value, '|', x.detail[:100])
    assert f.worst().value == "held"
