# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title DeviceRegistry: where data comes from
@license Apache-2.0
@notice Signing sensors, the people who own them and the alliances that admitted them; and *batches*:
        Merkle roots over the packets that one sensor signed, each anchored by its owner with a bond.
        Nobody's word is taken: a sensor names its owner itself, and a batch counts only after
        leaves drawn by chance were opened before everybody's eyes.
@dev docs/spec/devices.md has the states and the invariants.
     DEV-1 a sensor has an owner only by its own consent (or its ioID's), each consent used once.
     DEV-2 a sensor changes hands only with a newer consent and the word of its owner or its ioID.
     DEV-3 a revoked sensor stays revoked, and anchors nothing.
     DEV-4 an alliance admits and expels for itself alone.
     BATCH-1 only the owner of an admitted sensor in use anchors its batches.
     BATCH-2 windows of a sensor in an alliance move forward and do not overlap.
     BATCH-3 a sensor's root is anchored once, ever.
     BATCH-4 a batch holds at most one reading a period, and none from the future.
     BATCH-5 a batch matures only by opening the leaves that a later block drew.
     BATCH-6 a void batch stays void.
     BATCH-7 the contract holds exactly the bonds of open batches and what may be withdrawn.
@custom:kill It cannot be stopped or changed. An alliance that moves on admits its sensors elsewhere.
"""

from ..interfaces import IDeviceRegistry
from ..modules import batches
from ..modules import devices

implements: IDeviceRegistry

initializes: devices
initializes: batches[devices := devices]

# Sensors: what anyone may read, what their owners do, what alliances do.
exports: (
    devices.device,
    devices.ioid_contracts,
    devices.is_admitted,
    devices.last_anchored,
    devices.offered_to,
    devices.read_packet,
    devices.register,
    devices.register_by_ioid,
    devices.offer,
    devices.accept,
    devices.revoke,
    devices.admit,
    devices.expel,
)
# Batches: what anyone may read and do, and what the owners of sensors do.
exports: (
    batches.batch,
    batches.bond_wei,
    batches.credit_wei,
    batches.drawn_leaves,
    batches.is_mature,
    batches.seed_of,
    batches.verify_reading,
    batches.draw,
    batches.mature_batch,
    batches.void_unopened,
    batches.void_faulty,
    batches.void_unordered,
    batches.withdraw,
    batches.anchor_batch,
)


@deploy
def __init__(bond_wei: uint256, ioid_registry: address, ioid: address):
    """
    @param bond_wei The bond of a batch, in wei; not zero.
    @param ioid_registry IoTeX's ioIDRegistry, or empty on a chain without it.
    @param ioid IoTeX's ioID token, or empty on a chain without it.
    """
    batches.__init__(bond_wei)
    devices.__init__(ioid_registry, ioid)
