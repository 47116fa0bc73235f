"""A deployment under a schedule of faults that is drawn from a seed, and what must hold during it and after it."""

import heapq
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import psycopg
from kafka.errors import KafkaError

from headwater.cluster.broker import LocalBroker
from tests.support.author import Author, canaries_in
from tests.support.broker import a_broker_with_a_leg
from tests.support.chaos_parts import Part, Parts
from tests.support.deployment import SECRET, Deployed, a_deployment
from tests.support.leg import CommitCut, Leg, Way, a_leg_to_database
from tests.support.postgres import OwnPostgres, a_postgres
from tests.support.program import poll
from tests.support.topic import Topic
from tests.support.warm import Warm
from tests.support.watch import (
    Reader,
    Watch,
    again_and_again,
    applied,
    applied_wrongly,
    note_applied,
)

WORKERS = ("worker-1", "worker-2")
_EVERY_S = (2.5, 4.5)
_LASTS_S = (0.5, 5.0)
_ACT_EVERY_S = 0.9
_LOOK_EVERY_S = 0.15
_ASK_EVERY_S = 2.0
_HEALED_WITHIN_S = 150.0
_OLD_ASKED = 20


class Fault(StrEnum):
    """What may befall a deployment."""

    KILL_WORKER = "kill worker"
    STOP_WORKER = "stop worker"
    KILL_INGEST = "kill ingest"
    STOP_INGEST = "stop ingest"
    END_WORKER = "end worker"
    ADD_WORKER = "add worker"
    KILL_BROKER = "kill broker"
    CUT_BROKER = "cut broker"
    HOLD_BROKER = "hold broker"
    KILL_DATABASE = "kill database"
    CUT_DATABASE = "cut database"
    HOLD_DATABASE = "hold database"
    DELAY_DATABASE = "delay database"
    CUT_COMMIT = "cut commit"
    READ_ONLY = "read-only database"


_OF_PROCESSES = {
    Fault.KILL_WORKER: Parts.kill,
    Fault.KILL_INGEST: Parts.kill,
    Fault.STOP_WORKER: Parts.stop,
    Fault.STOP_INGEST: Parts.stop,
    Fault.END_WORKER: Parts.end,
}


@dataclass(frozen=True, slots=True, order=True)
class Happening:
    """One fault of a schedule; `choice` picks whom it befalls, and how, where there are several ways."""

    at_s: float
    fault: Fault
    lasts_s: float
    choice: int


def schedule_of(seed: int, duration_s: float) -> list[Happening]:
    """Every kind of fault once before any comes again, and the last one early enough to end in time."""
    drawn, happenings, at_s = random.Random(seed), [], 1.0
    kinds: list[Fault] = []
    while at_s < duration_s - _LASTS_S[1]:
        kinds = kinds or drawn.sample(list(Fault), len(Fault))
        lasts_s = round(drawn.uniform(*_LASTS_S), 2)
        happenings.append(Happening(round(at_s, 2), kinds.pop(), lasts_s, drawn.randrange(100)))
        at_s += drawn.uniform(*_EVERY_S)
    return happenings


@dataclass(slots=True)
class Outcome:
    """What a run did and found. `wrong` is empty when every promise held."""

    seed: int
    faults: Counter[str] = field(default_factory=Counter)
    restarts: Counter[str] = field(default_factory=Counter)
    deeds: dict[str, int] = field(default_factory=dict)
    accepted: int = 0
    applied: int = 0
    looks: int = 0
    asked: int = 0
    answers: int = 0
    refusals: int = 0
    healed_s: float = 0.0
    wrong: list[str] = field(default_factory=list)


class Chaos:
    """One run. Everything it starts belongs to `deployed` and ends with it."""

    def __init__(self, place: "Place", seed: int) -> None:
        self._place = place
        self._deployed = place.deployed
        self._author = Author(place.deployed.docs, seed)
        self._parts = Parts(place.deployed, place.addresses)
        self._watch = Watch(place.deployed.database)
        self._ends: list[tuple[float, int, Callable[[], None]]] = []
        self._busy: set[str] = set()
        self._topic: Topic | None = None
        self.outcome = Outcome(seed)

    def run(self, duration_s: float, *, outage_s: float = 0.0) -> Outcome:
        """Begin, let the schedule happen, heal everything, and check every promise.

        The database may be away for `outage_s` to begin with.
        """
        self._begin()
        reader = Reader(self._parts.serving("serve").client)
        try:
            with (
                again_and_again(reader.read),
                again_and_again(self._watch.look, every_s=_LOOK_EVERY_S),
            ):
                happenings = schedule_of(self.outcome.seed, duration_s)
                if outage_s:
                    happenings.insert(0, Happening(0.5, Fault.KILL_DATABASE, outage_s, 0))
                self._happen(happenings, duration_s)
                start_s = time.monotonic()
                self._heal()
                self._check()
                self.outcome.healed_s = round(time.monotonic() - start_s, 1)
        finally:
            self._hang_up()
            self._heal_legs()
            self._parts.wake_all()
        outcome = self.outcome
        outcome.wrong += [*self._watch.violations, *reader.violations]
        outcome.looks, outcome.answers, outcome.refusals = (
            self._watch.looks,
            reader.answers,
            reader.refusals,
        )
        outcome.deeds, outcome.restarts = self._author.deeds, self._parts.restarts
        return outcome

    def _begin(self) -> None:
        self._author.begin()
        for name in ("ingest", *WORKERS, "serve"):
            self._parts.start(name)
        for name in ("ingest", *WORKERS, "serve"):
            self._parts.serving(name).answering()
        self._deployed.wait_for(set(self._author.tree.values()))
        note_applied(self._deployed.database)

    def _happen(self, happenings: list[Happening], duration_s: float) -> None:
        """Work through what is due; a step that takes long only makes the later ones late."""
        start_s, acts_at_s, asks_at_s = time.monotonic(), 0.0, 0.0
        while (now_s := time.monotonic() - start_s) < duration_s or happenings or self._ends:
            self._end_what_is_over(now_s)
            if happenings and happenings[0].at_s <= now_s:
                self._befall(happenings.pop(0), now_s)
            if acts_at_s <= now_s < duration_s:
                self._author.act()
                acts_at_s += _ACT_EVERY_S
            if asks_at_s <= now_s:
                self._check_topic()
                asks_at_s = now_s + _ASK_EVERY_S
            self._parts.restart_what_ended()
            time.sleep(0.05)

    def _end_what_is_over(self, now_s: float) -> None:
        while self._ends and self._ends[0][0] <= now_s:
            heapq.heappop(self._ends)[2]()

    def _befall(self, happening: Happening, now_s: float) -> None:
        end = self._strike(happening)
        if end is not None:
            self.outcome.faults[happening.fault] += 1
            order = sum(self.outcome.faults.values())
            heapq.heappush(self._ends, (now_s + happening.lasts_s, order, end))

    def _strike(self, happening: Happening) -> Callable[[], None] | None:
        """Begin a fault. Returns: what ends it; None when the one it is for is in trouble already."""
        fault, choice = happening.fault, happening.choice
        place, parts = self._place, self._parts
        worker = WORKERS[choice % len(WORKERS)]
        leg = list(place.legs.values())[choice % len(place.legs)]
        way = list(Way)[choice // 2 % 2]
        match fault:
            case Fault.KILL_BROKER:
                return self._killed("broker", self._kill_broker, place.broker.start)
            case Fault.KILL_DATABASE:
                return self._killed("database", place.postgres.kill, place.postgres.start)
            case Fault.READ_ONLY:
                return self._read_only()
            case Fault.ADD_WORKER:
                return parts.add("worker-3")
            case _ if fault in _OF_PROCESSES:
                name = worker if "worker" in fault else "ingest"
                return _OF_PROCESSES[fault](parts, name)
            case _:
                return self._on_a_leg(fault, leg, way)

    def _on_a_leg(self, fault: Fault, leg: Leg, way: Way) -> Callable[[], None] | None:
        if fault in (Fault.CUT_BROKER, Fault.HOLD_BROKER):
            leg = self._place.broker_leg
        match fault:
            case Fault.CUT_BROKER | Fault.CUT_DATABASE:
                leg.cut()
            case Fault.HOLD_BROKER | Fault.HOLD_DATABASE:
                leg.hold(way)
            case Fault.DELAY_DATABASE:
                leg.delay(0.05)
            case _:
                lost = CommitCut.REQUEST if way is Way.OUT else CommitCut.ANSWER
                leg.cut_next_commit(lost)
                leg.cut_links()
        return leg.heal

    def _killed(
        self, what: str, kill: Callable[[], None], start: Callable[[], None]
    ) -> Callable[[], None] | None:
        if what in self._busy:
            return None
        self._busy.add(what)
        kill()

        def end() -> None:
            start()
            self._busy.discard(what)

        return end

    def _read_only(self) -> Callable[[], None] | None:
        if "database" in self._busy:
            return None
        return self._killed(
            "database",
            lambda: self._place.postgres.read_only(True),
            lambda: self._place.postgres.read_only(False),
        )

    def _heal_legs(self) -> None:
        for leg in (*self._place.legs.values(), self._place.broker_leg):
            leg.heal()

    def _heal(self) -> None:
        """Bring everything up, and tell of one more commit that changes every page."""
        self._heal_legs()
        self._parts.wake_all()
        self._parts.restart_what_ended()
        for name in ("ingest", *WORKERS):
            self._parts.serving(name).answering()
        self._author.edit_all()
        poll(self._is_told, "a webhook that is taken", within_s=_HEALED_WITHIN_S, every_s=0.5)

    def _is_told(self) -> bool:
        self._parts.restart_what_ended()
        return self._parts.push(SECRET)

    def _check(self) -> None:
        """Ledger, rebuild, accounts, canaries: strictly, now that all has healed."""
        deployed, newest = self._deployed, set(self._author.tree.values())

        def is_there() -> bool:
            self._parts.restart_what_ended()
            return deployed.indexed() == newest

        poll(is_there, "the newest versions", within_s=_HEALED_WITHIN_S, every_s=0.3)
        deployed.check(newest)
        wrong = self.outcome.wrong
        wrong += [f"{row} was parked" for row in deployed.parked()]
        wrong += [f"{row} was committed backwards" for row in applied_wrongly(deployed.database)]
        self._check_topic()
        self._check_answers(newest)
        self.outcome.applied = len(applied(deployed.database))
        [(self.outcome.accepted,)] = deployed.rows("SELECT count(*) FROM publication")

    def _check_topic(self) -> None:
        """Nothing may be acknowledged that is not in the database, at no time at which both can be asked."""
        if self._busy:
            return
        if self._topic is None:
            self._topic = Topic(self._deployed.broker)
        try:
            self.outcome.wrong += self._topic.promised_early(self._deployed)
        except (psycopg.OperationalError, KafkaError):
            self._hang_up()
        else:
            self.outcome.asked += 1

    def _kill_broker(self) -> None:
        """As a power cut does; who asked it anything hangs up before."""
        self._hang_up()
        self._deployed.hang_up()
        self._place.broker.kill()

    def _hang_up(self) -> None:
        topic, self._topic = self._topic, None
        if topic is not None:
            topic.close()

    def _check_answers(self, newest: set[str]) -> None:
        """Ask for every newest canary, and for some of those that are gone."""
        serve = self._parts.serving("serve")
        gone = sorted(set().union(*self._watch.seen.values()) - newest)
        drawn = random.Random(self.outcome.seed).sample(gone, min(len(gone), _OLD_ASKED))
        for canary in (*sorted(newest), *drawn):
            is_found = canary in canaries_in(serve.texts(canary))
            if is_found != (canary in newest):
                self.outcome.wrong.append(f"{canary} is found: {is_found}")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run takes place: real servers, with a leg before each that some processes go through."""

    deployed: Deployed
    broker: LocalBroker
    broker_leg: Leg
    postgres: OwnPostgres
    legs: dict[str, Leg]
    addresses: dict[str, Part]


@contextmanager
def a_place(folder: Path, warm: Warm) -> Iterator[Place]:
    """Servers of its own, nothing of the program started."""
    with ExitStack() as stack:
        broker, broker_leg = stack.enter_context(a_broker_with_a_leg(folder))
        postgres = stack.enter_context(a_postgres(folder / "postgres"))
        deployed = stack.enter_context(
            a_deployment(folder / "deployed", broker, postgres.conninfo, warm)
        )
        legs: dict[str, Leg] = {}
        addresses: dict[str, Part] = {}
        for name in ("ingest", *WORKERS):
            legs[name], database = stack.enter_context(a_leg_to_database(postgres.conninfo))
            addresses[name] = Part(database=database)
        for name in ("ingest", "worker-1"):
            servers = f"127.0.0.1:{broker_leg.port}"
            addresses[name] = Part(database=addresses[name].database, servers=servers)
        yield Place(deployed, broker, broker_leg, postgres, legs, addresses)
