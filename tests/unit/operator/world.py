"""A chain with one model on sale, an operator who serves it, and his process, in memory."""

from dataclasses import dataclass

from eth_account import Account

from cairn.chain import (
    ZERO_ADDRESS,
    LocalSigner,
    Outbox,
    Plan,
    Status,
    Store,
    Terms,
    Version,
)
from cairn.chain.fakes import (
    FakeChain,
    FakeLedger,
    FakeMarket,
    FakePrograms,
    FakeRegistry,
    FakeRounds,
)
from cairn.domain.answers import AnswerRoot, turn_seed
from cairn.domain.keccak import keccak256
from cairn.operator import Contracts, Programs, Settings, Worker
from cairn.operator.fakes import FakeContent, FakeProgram, fake_aggregate

COIN = 10**18
REQUESTER = "0x" + "aa" * 20
SOMEBODY = "0x" + "bB" * 20
WINDOW_S = 600
FEATURES = bytes([0, 0, 0, 5])
RIGHT = bytes([0, 0, 0, 8])
WRONG = bytes([0, 0, 0, 9])
PROGRAM = bytes([3])


@dataclass
class World:
    """A chain with one model on sale, which our operator serves; and the parts of his worker."""

    chain: FakeChain
    content: FakeContent
    contracts: Contracts
    market: FakeMarket
    registry: FakeRegistry
    ledger: FakeLedger
    rounds: FakeRounds
    programs: FakePrograms
    truth: dict[bytes, bytes]
    """By a program's hash: what the contracts run, whatever others do."""
    signer: LocalSigner
    rival: LocalSigner
    url: str

    def ask(
        self, features=FEATURES, *, within_s=3_600, operator=ZERO_ADDRESS, callback=ZERO_ADDRESS
    ) -> int:
        deadline = self.chain.timestamp + within_s
        self.chain.act(REQUESTER, self.market.request(1, features, deadline, operator, callback))
        return len(self.market.requests)

    def ask_many(self, n: int, **request) -> list[int]:
        return [self.ask(bytes([0, 0, 0, i % 200]), **request) for i in range(n)]

    def all_at_once(self, sender: str, calls) -> None:
        """Many transactions in one block: a flood."""

        def fill(block) -> None:
            for call in calls:
                self.chain._run(call.to, sender, call.value, call.data, block)

        self.chain._mine_with(fill)

    def root_as(self, signer: LocalSigner, answers) -> AnswerRoot:
        root = AnswerRoot.of(signer.address, 1, answers)
        self.chain.act(signer.address, self.market.answer_root(root))
        return root

    def right(self, request_id: int) -> bytes:
        """What the program gives for the request's features, which are those of `ask_many`."""
        return bytes([0, 0, 0, (request_id - 1) % 200 + PROGRAM[0]])

    def answer_as(self, signer: LocalSigner, request_id: int, outputs: bytes) -> None:
        self.chain.act(signer.address, self.market.answer(request_id, outputs))

    def give_turn(self, request_id: int, operator: str) -> None:
        seed = turn_seed(request_id, self.market.requests[request_id].features_hash)
        self.ledger.turns[seed] = operator

    def status(self, request_id: int) -> Status:
        return self.market.requests[request_id].status

    def open_round(self, *updates: bytes, window_s=WINDOW_S, base_version=0) -> int:
        plan_file = b"{}"
        now = self.chain.timestamp
        plan = Plan(
            model_id=1,
            base_version=base_version,
            plan_hash=keccak256(plan_file),
            plan_cid=self.content.add(plan_file),
            share_pool=100,
            weight_cap=10,
            submit_until=now + 1_000,
            aggregate_until=now + 5_000,
            window_s=window_s,
            lock_wei=COIN,
        )
        self.chain.act(SOMEBODY, self.rounds.open(plan))
        round_id = len(self.rounds.plans)
        for data in updates:
            cid = self.content.add(data)
            self.chain.act(SOMEBODY, self.rounds.submit(round_id, keccak256(data), cid, 1))
        return round_id


def make_world(url: str) -> World:
    chain = FakeChain()
    content = FakeContent()
    ledger = FakeLedger(chain, "0x" + "01" * 20)
    registry = FakeRegistry(chain, "0x" + "02" * 20)
    truth = {FakeProgram(PROGRAM).hash: PROGRAM}

    def evaluate(program_hash: bytes, features: bytes) -> bytes:
        return FakeProgram(truth[program_hash]).run_packed(features)

    market = FakeMarket(chain, "0x" + "03" * 20, registry, ledger, evaluate)
    programs = FakePrograms(chain, "0x" + "05" * 20, evaluate)
    programs.published.update(truth)
    rounds = FakeRounds(chain, "0x" + "04" * 20)
    registry.versions[1, 1] = Version(
        program_hash=FakeProgram(PROGRAM).hash,
        program_cid=content.add(PROGRAM),
        parameters_root=bytes(32),
        data_root=bytes(32),
        card_cid=b"",
        parent=0,
        round_id=0,
        registered_at=1,
    )
    registry.all_terms[1] = Terms(
        model_id=1,
        version=1,
        program_hash=FakeProgram(PROGRAM).hash,
        n_features=1,
        price=10,
        operator_bps=5_000,
        holders_bps=3_000,
        window_s=WINDOW_S,
        lock_wei=COIN,
    )
    signer, rival = (LocalSigner(Account.from_key(bytes(31) + bytes([n]))) for n in (7, 8))
    for one in (signer, rival):
        ledger.stakes[one.address] = 100 * COIN
        ledger.serving.add((one.address, 1))
    chain.mine()
    return World(
        chain,
        content,
        Contracts(market, registry, ledger, rounds, programs, programs),
        market,
        registry,
        ledger,
        rounds,
        programs,
        truth,
        signer,
        rival,
        url,
    )


class Operator:
    """One life of a worker's process: from opening its store to its end."""

    def __init__(
        self,
        world: World,
        *,
        store: Store | None = None,
        signer=None,
        first_block: int = 0,
        patience_s: float = 2.0,
        **settings,
    ) -> None:
        self.world = world
        signer = signer or world.signer
        values = {"account": "worker", "settle_delay_s": 0, **settings}
        self.settings = Settings(**values)
        self.store = store or Store(world.url)
        self.lease = None
        self.programs: Programs | None = None
        self.worker: Worker | None = None
        try:
            self.lease = self.store.lease(signer.address)
            outbox = Outbox(
                self.store,
                world.chain,
                signer,
                self.lease,
                chain_id=world.chain.chain_id,
                confirmations=self.settings.confirmations,
                policy=self.settings.fee_policy(),
            )
            self.programs = Programs(world.content, FakeProgram, patience_s=patience_s)
            self.worker = Worker(
                self.settings,
                world.contracts,
                world.chain,
                self.store,
                outbox,
                self.programs,
                world.content,
                chain_id=world.chain.chain_id,
                first_block=first_block,
                aggregate_round=fake_aggregate,
                patience_s=patience_s,
            )
        except BaseException:
            self.end()
            raise

    def step(self, times: int = 1) -> None:
        for _ in range(times):
            while self.worker.step():
                pass

    def end(self) -> None:
        """Also what the operating system does for a process that was killed."""
        self.world.content.let_go()
        for part in (self.worker, self.programs):
            if part is not None:
                part.close()
        if self.lease is not None:
            self.lease.release()
        self.store.close()
