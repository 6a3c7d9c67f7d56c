"""The spanning tree: of bridges that form loops, which ports forward (BSD net/bridgestp.c; IEEE 802.1D-1998 clause 8).

Every bridge has an identifier, and the lowest is the root.  Each of the others forwards to its *root port*, the
one nearest to the root; every segment is served by one *designated* port, which is nearest to the root from there.
All other ports are blocking.  The functions have the standard's own names (8.6), so that the two can be read
side by side; a bridge that changes its mind passes through these states:

    DISABLED                 the link is down, or there is no spanning tree on the port
    BLOCKING                 somebody else serves this segment, or leads to the root
       | root or designated port              ^ neither any more
    LISTENING                forwards nothing yet: others may still be about to block
       | forward delay
    LEARNING                 notes who is where
       | forward delay
    FORWARDING

Timers are callouts, and end to the moment; the standard's ticks of a second are upper limits.
"""

from __future__ import annotations

from collections.abc import Callable

from stack.callout import Callouts
from stack.header.bpdu import (
    BSTP_FLAG_TC,
    BSTP_FLAG_TCA,
    BSTP_MSGTYPE_TCN,
    TCN,
    TICKS,
    Config,
    bpdu_type,
    bridge_id,
)
from stack.net.stp_port import (
    BSTP_DEFAULT_BRIDGE_PRIORITY,
    BSTP_DEFAULT_FORWARD_DELAY,
    BSTP_DEFAULT_HELLO_TIME,
    BSTP_DEFAULT_HOLD_TIME,
    BSTP_DEFAULT_MAX_AGE,
    BSTP_IFSTATE_BLOCKING,
    BSTP_IFSTATE_DISABLED,
    BSTP_IFSTATE_FORWARDING,
    BSTP_IFSTATE_LEARNING,
    BSTP_IFSTATE_LISTENING,
    MESSAGE_AGE_INCREMENT,
    STATE_NAMES,
    Port,
    Timer,
)
from stack.probe import Protocol


class Stp:
    """The spanning tree protocol of one bridge (802.1D 8.5.3; the second half of struct bridge_softc)."""

    def __init__(self, protocol: Protocol, callouts: Callouts, age: Callable[[], None]) -> None:
        self.protocol = protocol
        self.callouts = callouts
        self.age = age  # forget the addresses that have been silent for a forward delay
        self.ports: list[Port] = []
        self.running = False
        self.priority = BSTP_DEFAULT_BRIDGE_PRIORITY
        self.bridge_max_age = BSTP_DEFAULT_MAX_AGE
        self.bridge_hello_time = BSTP_DEFAULT_HELLO_TIME
        self.bridge_forward_delay = BSTP_DEFAULT_FORWARD_DELAY
        self.bridge_id = 0
        self.designated_root = 0
        self.root_path_cost = 0
        self.root_port: Port | None = None
        self.max_age = self.hello_time = self.forward_delay = 0.0  # the root's
        self.topology_change = False  # the root says so
        self.topology_change_detected = False  # we say so
        self.hello_timer = Timer(callouts, self.hello_timer_expiry)
        self.tcn_timer = Timer(callouts, self.tcn_timer_expiry)
        self.topology_change_timer = Timer(callouts, self.topology_change_timer_expiry)

    # --- management (8.8) ---------------------------------------------------------------------

    def start(self, lladdr: bytes) -> None:
        """The bridge comes up (8.8.1); without ports it has nothing to do."""
        self.stop()
        if not self.ports:
            return
        self.running = True
        self.bridge_id = self.designated_root = bridge_id(self.priority, lladdr)
        self.root_path_cost = 0
        self.root_port = None
        self._own_times()
        self.topology_change = self.topology_change_detected = False
        for port in self.ports:
            self._initialize_port(port)
        self.port_state_selection()
        self.config_bpdu_generation()
        self.hello_timer.start(self.bridge_hello_time)

    def stop(self) -> None:
        """The bridge goes down (bstp_stop)."""
        self.running = False
        self.topology_change = self.topology_change_detected = False
        for timer in (self.hello_timer, self.tcn_timer, self.topology_change_timer):
            timer.stop()
        for port in self.ports:
            self._silence(port)

    def attach(self, port: Port) -> None:
        """A port takes part; `enable_port` follows when its link is up and the bridge runs."""
        callouts = self.callouts
        port.message_age_timer = Timer(callouts, lambda: self.message_age_timer_expiry(port))
        port.forward_delay_timer = Timer(callouts, lambda: self.forward_delay_timer_expiry(port))
        port.hold_timer = Timer(callouts, lambda: self.hold_timer_expiry(port))
        self.set_port_state(port, BSTP_IFSTATE_DISABLED)
        self.ports.append(port)

    def detach(self, port: Port) -> None:
        """A port takes no part any more."""
        if self.running:
            self.disable_port(port)
        self._silence(port)
        self.ports.remove(port)

    def _silence(self, port: Port) -> None:
        for timer in (port.message_age_timer, port.forward_delay_timer, port.hold_timer):
            timer.stop()
        self.set_port_state(port, BSTP_IFSTATE_DISABLED)

    def link_changed(self, port: Port) -> None:
        """A port's link came or went (bstp_ifupdstatus)."""
        if self.running and port.runs != (port.state != BSTP_IFSTATE_DISABLED):
            (self.enable_port if port.runs else self.disable_port)(port)

    def enable_port(self, port: Port) -> None:
        """8.8.2: the port has a link."""
        self._initialize_port(port)
        self.port_state_selection()
        if self.designated_port(port):  # so that neighbours hear of us before the next hello
            self.transmit_config(port)

    def disable_port(self, port: Port) -> None:
        """8.8.3: the port has no link, or takes no part any more."""
        root = self.root_bridge
        self.become_designated_port(port)
        port.topology_change_acknowledge = port.config_pending = False
        self._silence(port)
        self.configuration_update()
        self.port_state_selection()
        self._perhaps_root(root)

    def set_bridge_id(self, lladdr: bytes) -> None:
        """8.8.4: our priority or our address is another one."""
        new = bridge_id(self.priority, lladdr)
        if not self.running or new == self.bridge_id:
            return
        root = self.root_bridge
        for port in self.ports:
            if self.designated_port(port):
                port.designated_bridge = new
        self.bridge_id = new
        self.configuration_update()
        self.port_state_selection()
        self._perhaps_root(root)
        self.config_bpdu_generation()

    def set_port_priority(self, port: Port, priority: int) -> None:
        """8.8.5."""
        designated = self.designated_port(port)
        port.priority = priority
        if designated:
            port.designated_port = port.port_id
        if self.bridge_id == port.designated_bridge and port.port_id < port.designated_port:
            self.become_designated_port(port)
        self._reconsider()

    def set_path_cost(self, port: Port, cost: int) -> None:
        """8.8.6."""
        port.cost = cost
        self._reconsider()

    def set_times(self) -> None:
        """Our own times changed, which count when we are the root."""
        if self.running and self.root_bridge:
            self._own_times()
            self.config_bpdu_generation()
            self.hello_timer.start(self.bridge_hello_time)

    def _reconsider(self) -> None:
        if self.running:
            self.configuration_update()
            self.port_state_selection()
            self.config_bpdu_generation()

    def _own_times(self) -> None:
        self.max_age = self.bridge_max_age
        self.hello_time = self.bridge_hello_time
        self.forward_delay = self.bridge_forward_delay

    def _initialize_port(self, port: Port) -> None:
        """8.8.1.4."""
        self.become_designated_port(port)
        port.topology_change_acknowledge = port.config_pending = False
        self._silence(port)
        if port.runs:
            self.set_port_state(port, BSTP_IFSTATE_BLOCKING)

    def _perhaps_root(self, was_root: bool) -> None:
        """We may be the root now, and were not before: our own times hold, and all must hear of it."""
        if not self.running or was_root or not self.root_bridge:
            return
        self._own_times()
        self.topology_change_detection()
        self.tcn_timer.stop()
        self.config_bpdu_generation()
        self.hello_timer.start(self.bridge_hello_time)

    # --- what we are --------------------------------------------------------------------------

    @property
    def root_bridge(self) -> bool:
        """Whether we are the root."""
        return self.designated_root == self.bridge_id

    def designated_port(self, port: Port) -> bool:
        """Whether the port is the one that serves its segment."""
        return port.designated_bridge == self.bridge_id and port.designated_port == port.port_id

    def set_port_state(self, port: Port, state: int) -> None:
        """The one door through which a port changes its state."""
        old, port.state = port.state, state
        if old != state:
            protocol = self.protocol
            for trace in protocol.probes.state:
                trace(protocol.hostname, "stp", port.name, STATE_NAMES[old], STATE_NAMES[state])

    # --- messages -----------------------------------------------------------------------------

    def input(self, port: Port, data: bytes) -> str:
        """A message has come; why it died, or "" (bstp_input)."""
        try:
            kind = bpdu_type(data)
            config = Config.parse(data) if kind != BSTP_MSGTYPE_TCN else None
        except ValueError:
            return "badbpdu"
        if port.state == BSTP_IFSTATE_DISABLED:
            return "disabled"
        if config is None:
            self.received_tcn_bpdu(port)
        elif config.message_age >= config.max_age:  # 802.1D 9.3.4 a)
            return "oldbpdu"
        elif config.bridge == self.bridge_id and config.port == port.port_id:  # 9.3.4 b)
            return "ownbpdu"
        else:
            self.received_config_bpdu(port, config)
        return ""

    def received_config_bpdu(self, port: Port, config: Config) -> None:
        """8.7.1."""
        root = self.root_bridge
        if not self.supersedes_port_info(port, config):
            if self.designated_port(port):  # 8.6.4: whoever is wrong is told at once
                self.transmit_config(port)
            return
        self.record_config_information(port, config)
        self.configuration_update()
        self.port_state_selection()
        if root and not self.root_bridge:
            self.hello_timer.stop()
            if self.topology_change_detected:
                self.topology_change_timer.stop()
                self.transmit_tcn()
                self.tcn_timer.start(self.bridge_hello_time)
        if port is self.root_port:
            self.record_config_timeout_values(config)
            self.config_bpdu_generation()
            if config.flags & BSTP_FLAG_TCA:
                self.topology_change_acknowledged()

    def received_tcn_bpdu(self, port: Port) -> None:
        """8.7.2."""
        if self.designated_port(port):
            self.topology_change_detection()
            port.topology_change_acknowledge = True
            self.transmit_config(port)

    def supersedes_port_info(self, port: Port, config: Config) -> bool:
        """8.6.2.3: whether a message is better than what the port knows, or the same from who said it first."""
        said = (config.root, config.cost, config.bridge)
        known = (port.designated_root, port.designated_cost, port.designated_bridge)
        if said != known:
            return said < known
        return config.bridge != self.bridge_id or config.port <= port.designated_port

    def record_config_information(self, port: Port, config: Config) -> None:
        """8.6.2."""
        port.designated_root = config.root
        port.designated_cost = config.cost
        port.designated_bridge = config.bridge
        port.designated_port = config.port
        port.message_age_timer.start(config.max_age / TICKS, config.message_age / TICKS)

    def record_config_timeout_values(self, config: Config) -> None:
        """8.6.3."""
        self.max_age = config.max_age / TICKS
        self.hello_time = config.hello_time / TICKS
        self.forward_delay = config.forward_delay / TICKS
        self.set_topology_change(bool(config.flags & BSTP_FLAG_TC))

    def set_topology_change(self, changing: bool) -> None:
        """8.3.5: while the topology changes, addresses age in a forward delay; now, if it is over."""
        if self.topology_change and not changing:
            self.age()
        self.topology_change = changing

    def config_bpdu_generation(self) -> None:
        """8.6.4: speak on every segment that we serve."""
        for port in self.ports:
            if self.designated_port(port) and port.state != BSTP_IFSTATE_DISABLED:
                self.transmit_config(port)

    def transmit_config(self, port: Port) -> None:
        """8.6.1: at most one message in a hold time."""
        if port.state == BSTP_IFSTATE_DISABLED:
            return
        if port.hold_timer.active:
            port.config_pending = True
            return
        age = 0.0
        if self.root_port is not None:
            age = self.root_port.message_age_timer.value + MESSAGE_AGE_INCREMENT
        if age >= self.max_age:
            return
        flags = BSTP_FLAG_TC if self.topology_change else 0
        if port.topology_change_acknowledge:
            flags |= BSTP_FLAG_TCA
        port.topology_change_acknowledge = port.config_pending = False
        times = (int(seconds * TICKS) for seconds in (age, self.max_age, self.hello_time, self.forward_delay))
        message = Config(flags, self.designated_root, self.root_path_cost, self.bridge_id, port.port_id, *times)
        port.hold_timer.start(BSTP_DEFAULT_HOLD_TIME)
        port.send_bpdu(message.pack())

    def transmit_tcn(self) -> None:
        """8.6.6: tell the root, through whoever is nearer to it."""
        if self.root_port is not None:
            self.root_port.send_bpdu(TCN)

    # --- decisions ----------------------------------------------------------------------------

    def configuration_update(self) -> None:
        """8.6.7."""
        self.root_selection()
        self.designated_port_selection()

    def root_selection(self) -> None:
        """8.6.8: the port that leads to the best root, by the cheapest path."""
        found = [
            (port.designated_root, port.designated_cost + port.path_cost, port.designated_bridge,
             port.designated_port, port.port_id, at)
            for at, port in enumerate(self.ports)
            if port.state != BSTP_IFSTATE_DISABLED
            and not self.designated_port(port)
            and port.designated_root < self.bridge_id
        ]  # fmt: skip
        if not found:
            self.root_port, self.designated_root, self.root_path_cost = None, self.bridge_id, 0
            return
        self.designated_root, self.root_path_cost, *_, at = min(found)
        self.root_port = self.ports[at]

    def designated_port_selection(self) -> None:
        """8.6.9: the segments that nobody serves better than we."""
        ours = (self.root_path_cost, self.bridge_id)
        for port in self.ports:
            theirs = (port.designated_cost, port.designated_bridge)
            if (
                self.designated_port(port)
                or port.designated_root != self.designated_root
                or (*ours, port.port_id) <= (*theirs, port.designated_port)
            ):
                self.become_designated_port(port)

    def become_designated_port(self, port: Port) -> None:
        """8.6.10."""
        port.designated_root = self.designated_root
        port.designated_cost = self.root_path_cost
        port.designated_bridge = self.bridge_id
        port.designated_port = port.port_id

    def port_state_selection(self) -> None:
        """8.6.11."""
        for port in self.ports:
            if port.state == BSTP_IFSTATE_DISABLED:
                continue
            if port is self.root_port:
                port.config_pending = port.topology_change_acknowledge = False
                self.make_forwarding(port)
            elif self.designated_port(port):
                port.message_age_timer.stop()
                self.make_forwarding(port)
            else:
                port.config_pending = port.topology_change_acknowledge = False
                self.make_blocking(port)

    def make_forwarding(self, port: Port) -> None:
        """8.6.12: not at once, but after two forward delays."""
        if port.state == BSTP_IFSTATE_BLOCKING:
            self.set_port_state(port, BSTP_IFSTATE_LISTENING)
            port.forward_delay_timer.start(self.forward_delay)

    def make_blocking(self, port: Port) -> None:
        """8.6.13: at once."""
        if port.state == BSTP_IFSTATE_BLOCKING:
            return
        if port.state in (BSTP_IFSTATE_FORWARDING, BSTP_IFSTATE_LEARNING):
            self.topology_change_detection()
        self.set_port_state(port, BSTP_IFSTATE_BLOCKING)
        port.forward_delay_timer.stop()

    def topology_change_detection(self) -> None:
        """8.6.14: the root tells everybody for a while; others tell the root until it has heard."""
        if self.root_bridge:
            self.set_topology_change(True)
            self.topology_change_timer.start(self.bridge_max_age + self.bridge_forward_delay)
        elif not self.topology_change_detected:
            self.transmit_tcn()
            self.tcn_timer.start(self.bridge_hello_time)
        self.topology_change_detected = True

    def topology_change_acknowledged(self) -> None:
        """8.6.15."""
        self.topology_change_detected = False
        self.tcn_timer.stop()

    # --- timers -------------------------------------------------------------------------------

    def hello_timer_expiry(self) -> None:
        """8.7.3."""
        self.config_bpdu_generation()
        self.hello_timer.start(self.bridge_hello_time)

    def message_age_timer_expiry(self, port: Port) -> None:
        """8.7.4: who served this segment has fallen silent."""
        root = self.root_bridge
        self.become_designated_port(port)
        self.configuration_update()
        self.port_state_selection()
        self._perhaps_root(root)

    def forward_delay_timer_expiry(self, port: Port) -> None:
        """8.7.5."""
        if port.state == BSTP_IFSTATE_LISTENING:
            self.set_port_state(port, BSTP_IFSTATE_LEARNING)
            port.forward_delay_timer.start(self.forward_delay)
        elif port.state == BSTP_IFSTATE_LEARNING:
            self.set_port_state(port, BSTP_IFSTATE_FORWARDING)
            if any(other.designated_bridge == self.bridge_id for other in self.ports):
                self.topology_change_detection()

    def tcn_timer_expiry(self) -> None:
        """8.7.6."""
        self.transmit_tcn()
        self.tcn_timer.start(self.bridge_hello_time)

    def topology_change_timer_expiry(self) -> None:
        """8.7.7."""
        self.set_topology_change(False)
        self.topology_change_detected = False

    def hold_timer_expiry(self, port: Port) -> None:
        """8.7.8."""
        if port.config_pending:
            self.transmit_config(port)
