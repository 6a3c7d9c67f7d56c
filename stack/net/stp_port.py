"""What the spanning tree keeps of each port: its state, its segment, its timers (BSD net/if_bridgevar.h).

IEEE 802.1D-1998 8.4 has the states, 8.5.5 the variables, 8.5.6 the timers.
"""

from __future__ import annotations

from collections.abc import Callable

from stack.callout import Callout, Callouts

BSTP_IFSTATE_DISABLED, BSTP_IFSTATE_LISTENING, BSTP_IFSTATE_LEARNING = 0, 1, 2
BSTP_IFSTATE_FORWARDING, BSTP_IFSTATE_BLOCKING = 3, 4
STATE_NAMES = ("disabled", "listening", "learning", "forwarding", "blocking")

BSTP_DEFAULT_MAX_AGE = 20.0  # seconds, as the next
BSTP_DEFAULT_HELLO_TIME = 2.0
BSTP_DEFAULT_FORWARD_DELAY = 15.0
BSTP_DEFAULT_HOLD_TIME = 1.0
BSTP_DEFAULT_BRIDGE_PRIORITY = 0x8000
BSTP_DEFAULT_PORT_PRIORITY = 0x80
MESSAGE_AGE_INCREMENT = 1.0  # what a message is said to age on its way through a bridge


class Timer:
    """One of the standard's timers (struct bridge_timer)."""

    __slots__ = ("callout", "callouts", "expiry", "started")

    def __init__(self, callouts: Callouts, expiry: Callable[[], None]) -> None:
        self.callouts = callouts
        self.expiry = expiry
        self.callout: Callout | None = None
        self.started = 0.0

    @property
    def active(self) -> bool:
        """Whether it runs."""
        return self.callout is not None

    @property
    def value(self) -> float:
        """How many seconds it has run."""
        return self.callouts.now - self.started

    def start(self, seconds: float, value: float = 0.0) -> None:
        """Let it expire when its value, which is now so high, reaches so many seconds."""
        self.stop()
        self.started = self.callouts.now - value
        self.callout = self.callouts.schedule(max(0.0, seconds - value), self._expire)

    def stop(self) -> None:
        """It runs no more."""
        if self.callout is not None:
            self.callout.stop()
            self.callout = None

    def _expire(self) -> None:
        self.callout = None
        self.expiry()


class Port:
    """What the spanning tree knows of a port (802.1D 8.5.5; the second half of struct bridge_iflist)."""

    __slots__ = (
        "config_pending", "cost", "designated_bridge", "designated_cost", "designated_port", "designated_root",
        "forward_delay_timer", "hold_timer", "message_age_timer", "number", "priority", "state",
        "topology_change_acknowledge",
    )  # fmt: skip

    def __init__(self, number: int) -> None:
        self.number = number
        self.priority = BSTP_DEFAULT_PORT_PRIORITY
        self.cost: int | None = None  # as a user has set it
        self.state = BSTP_IFSTATE_DISABLED
        self.designated_root = self.designated_cost = self.designated_bridge = self.designated_port = 0
        self.topology_change_acknowledge = False
        self.config_pending = False
        self.message_age_timer: Timer
        self.forward_delay_timer: Timer
        self.hold_timer: Timer

    @property
    def name(self) -> str:
        """For whoever traces states."""
        raise NotImplementedError

    @property
    def port_id(self) -> int:
        """Its identifier in messages; among ports that are equal, the lowest wins."""
        return self.priority << 8 | self.number

    @property
    def path_cost(self) -> int:
        """What it adds to the cost of paths to the root through it."""
        raise NotImplementedError

    @property
    def runs(self) -> bool:
        """Whether its link can carry frames."""
        raise NotImplementedError

    def send_bpdu(self, data: bytes) -> None:
        """Send a message to the other bridges on the segment."""
        raise NotImplementedError
