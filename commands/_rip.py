"""RIP's table and its timers, without sockets or clock (RFC 2453 3.6, 3.8 to 3.10).

Told what neighbours say, what links there are and what time it is, it knows the routes, what to tell each
neighbour, and when.  netsh's routed (commands/_routed.py) does the rest.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from stack.addr import INADDR_ANY, Ip4, Prefix
from stack.header.rip import HOPCNT_INFINITY, Netinfo, netinfo

# seconds
UPDATE = 30.0  # between regular updates (RFC 2453 3.8),
UPDATE_JITTER = 5.0  # more or less, so that routers do not fall into step
TIMEOUT = 180.0  # without a word of it, until a route is no good,
GARBAGE = 120.0  # and from then on until it is forgotten
TRIGGER_LEAST, TRIGGER_MOST = 1.0, 5.0  # between triggered updates (3.10.1)


class RipRoute:
    """A destination: how far, by whom.  `gateway` is 0 for what is ours by itself: a link, a static route."""

    __slots__ = ("changed", "deadline", "dst", "gateway", "ifname", "metric", "tag")

    def __init__(self, dst: Prefix, metric: int, gateway: Ip4, ifname: str, tag: int = 0) -> None:
        self.dst = dst
        self.metric = metric
        self.gateway = gateway
        self.ifname = ifname
        self.tag = tag
        self.deadline: float | None = None  # when it times out, or when it has, is forgotten; never for our own
        self.changed = True  # not told yet in an update

    @property
    def is_good(self) -> bool:
        """Whether it leads there."""
        return self.metric < HOPCNT_INFINITY


class RipTable:
    """All routes of a router; `dirty` are destinations whose route in the kernel may have to change."""

    def __init__(self, rng: random.Random, now: float) -> None:
        self.rng = rng
        self.routes: dict[Prefix, RipRoute] = {}
        self.dirty: set[Prefix] = set()
        self.update_due = now + self._interval()
        self.trigger_wanted = False
        self.trigger_after = now  # no triggered update before

    def _interval(self) -> float:
        return UPDATE + self.rng.uniform(-UPDATE_JITTER, UPDATE_JITTER)

    # --- what is ours -------------------------------------------------------------------------

    def set_own(self, own: dict[Prefix, tuple[int, str]], now: float) -> None:
        """What we reach by ourselves from now on: destination -> (metric, interface)."""
        for route in self.routes.values():
            if not route.gateway and route.dst not in own:
                self._lose(route, now)
        for dst, (metric, ifname) in own.items():
            old = self.routes.get(dst)
            if old is None or old.gateway or (old.metric, old.ifname) != (metric, ifname):
                self._put(RipRoute(dst, metric, INADDR_ANY, ifname))

    def lose_interface(self, ifname: str, now: float) -> None:
        """Nothing is reached through an interface any more."""
        for route in self.routes.values():
            if route.ifname == ifname and route.gateway:
                self._lose(route, now)

    # --- what neighbours say ------------------------------------------------------------------

    def hear(self, dst: Prefix, metric: int, gateway: Ip4, ifname: str, tag: int, now: float) -> None:
        """A neighbour has a way; `metric` counts the link to it already (RFC 2453 3.9.2)."""
        metric = min(metric, HOPCNT_INFINITY)
        route = self.routes.get(dst)
        if route is None:
            if metric < HOPCNT_INFINITY:
                self._learn(dst, metric, gateway, ifname, tag, now)
        elif not route.gateway and route.is_good:
            return  # what is ours is nearer than anybody else's
        elif (route.gateway, route.ifname) == (gateway, ifname):
            self._hear_again(route, metric, tag, now)
        elif metric < route.metric or (metric == route.metric < HOPCNT_INFINITY and self._is_old(route, now)):
            self._learn(dst, metric, gateway, ifname, tag, now)

    def _hear_again(self, route: RipRoute, metric: int, tag: int, now: float) -> None:
        """Its own gateway speaks of a route: whatever it says is believed."""
        if metric == HOPCNT_INFINITY:
            if route.is_good:
                self._lose(route, now)
        elif metric != route.metric or tag != route.tag:
            self._learn(route.dst, metric, route.gateway, route.ifname, tag, now)
        else:
            route.deadline = now + TIMEOUT

    @staticmethod
    def _is_old(route: RipRoute, now: float) -> bool:
        """RFC 2453 3.9.2: halfway to its time-out, a route as good from somebody else is worth taking."""
        return route.deadline is not None and route.deadline - now < TIMEOUT / 2

    def _learn(self, dst: Prefix, metric: int, gateway: Ip4, ifname: str, tag: int, now: float) -> None:
        route = RipRoute(dst, metric, gateway, ifname, tag)
        route.deadline = now + TIMEOUT
        self._put(route)

    def _put(self, route: RipRoute) -> None:
        self.routes[route.dst] = route
        self.dirty.add(route.dst)
        self.trigger_wanted = True

    def _lose(self, route: RipRoute, now: float) -> None:
        """It leads nowhere; it is kept for a while, to tell everybody (the deletion process of 3.8)."""
        if route.is_good:
            route.metric = HOPCNT_INFINITY
            route.deadline = now + GARBAGE
            route.changed = True
            self.dirty.add(route.dst)
            self.trigger_wanted = True

    # --- time ---------------------------------------------------------------------------------

    def expire(self, now: float) -> None:
        """Routes whose time is up are lost, or forgotten."""
        for route in list(self.routes.values()):
            if route.deadline is not None and route.deadline <= now:
                if route.is_good:
                    self._lose(route, now)
                else:
                    del self.routes[route.dst]

    def next_due(self) -> float:
        """When there is something to do, if nobody says anything."""
        deadlines = [route.deadline for route in self.routes.values() if route.deadline is not None]
        trigger = [self.trigger_after] if self.trigger_wanted else []
        return min([self.update_due, *trigger, *deadlines])

    def take_update(self, now: float) -> str:
        """Which update is due: `regular`, `triggered` or none, ""; its timer begins anew."""
        if now >= self.update_due:
            self.update_due = now + self._interval()
            kind = "regular"
        elif self.trigger_wanted and now >= self.trigger_after:
            kind = "triggered"
        else:
            return ""
        self.trigger_wanted = False  # RFC 2453 3.10.1: a regular update says it all
        self.trigger_after = now + self.rng.uniform(TRIGGER_LEAST, TRIGGER_MOST)
        return kind

    # --- what we say --------------------------------------------------------------------------

    def told(self) -> None:
        """An update has gone out everywhere."""
        for route in self.routes.values():
            route.changed = False

    def nets(self, ifname: str | None, *, changed: bool = False) -> Iterator[Netinfo]:
        """What to say on a link: what was learned there is unreachable through us (3.4.3, poisoned reverse)."""
        for route in self.routes.values():
            if changed and not route.changed:
                continue
            poisoned = bool(route.gateway) and route.ifname == ifname
            yield netinfo(route.dst, HOPCNT_INFINITY if poisoned else route.metric, tag=route.tag)

    def metric_of(self, dst: Prefix) -> int:
        """How far it is to a destination, for who asks of just that one."""
        route = self.routes.get(dst)
        return route.metric if route is not None else HOPCNT_INFINITY
