"""The verbs of brconfig: how their arguments are read, what they do and are for (brconfig.c, command_table)."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any, NamedTuple

from commands._getopt import number, wrong
from commands.command import Context, Failure
from stack.addr import Mac
from stack.kern.errors import reason
from stack.net.bridge import IFBIF_DISCOVER, IFBIF_LEARNING, IFBIF_PROTECTED, IFBIF_STP, Bridge, Member
from stack.net.ifnet import Ifnet


class Setting(NamedTuple):
    """Where a verb acts."""

    ctx: Context
    bridge: Bridge

    def interface(self, verb: str, name: str) -> Ifnet:
        """An interface of the host."""
        ifp = self.ctx.host.interfaces.get(name)
        if ifp is None:
            raise Failure(f"{verb} {name}: No such file or directory ('ifconfig -l' lists the interfaces)")
        return ifp

    def member(self, verb: str, name: str) -> Member:
        """A member of the bridge."""
        try:
            return self.bridge.member(self.interface(verb, name))
        except OSError as error:
            raise Failure(f"{verb} {name}: {reason(error)} (it is no member of {self.bridge.name})") from None


def _add(at: Setting, name: str) -> None:
    ifp, bridge = at.interface("add", name), at.bridge
    try:
        bridge.add(ifp)
    except OSError as error:
        why = {
            errno.EEXIST: "it is a member already",
            errno.EBUSY: "it is a member of another bridge",
            errno.EINVAL: "only Ethernets can be members",
        }[error.errno or 0]
        if error.errno == errno.EINVAL and ifp.lladdr is not None and ifp.mtu != bridge.mtu:
            why = f"its MTU is {ifp.mtu}, that of {bridge.name} {bridge.mtu}"
        raise Failure(f"add {name}: {reason(error)} ({why})") from None


def _delete(at: Setting, name: str) -> None:
    at.bridge.delete(at.member("delete", name).ifp)


def _flag(verb: str, flag: int) -> Callable[..., None]:
    """A verb that sets a flag of a member, or clears it."""

    def act(at: Setting, name: str) -> None:
        member = at.member(verb, name)
        flags = member.flags & ~flag if verb.startswith("-") else member.flags | flag
        at.bridge.set_member_flags(member, flags)

    return act


def _static(at: Setting, name: str, address: Mac) -> None:
    member = at.member("static", name)
    try:
        at.bridge.set_static(member.ifp, address)
    except OSError as error:
        cure = {
            errno.ENOSPC: f"'brconfig {at.bridge.name} maxaddr' makes some",
            errno.EINVAL: "it is a group's, or our own",
        }[error.errno or 0]
        raise Failure(f"static {name} {address}: {reason(error)} ({cure})") from None


def _deladdr(at: Setting, address: Mac) -> None:
    try:
        at.bridge.rtable.delete(address)
    except OSError as error:
        raise Failure(f"deladdr {address}: {reason(error)}") from None


def _timeout(at: Setting, seconds: int) -> None:
    at.bridge.rtable.timeout = seconds


def _time(attribute: str) -> Callable[..., None]:
    """A verb that sets one of the spanning tree's times."""

    def act(at: Setting, seconds: int) -> None:
        setattr(at.bridge.stp, attribute, float(seconds))
        at.bridge.stp.set_times()

    return act


def _ifpriority(at: Setting, name: str, value: int) -> None:
    at.bridge.stp.set_port_priority(at.member("ifpriority", name), value)


def _ifpathcost(at: Setting, name: str, value: int) -> None:
    at.bridge.stp.set_path_cost(at.member("ifpathcost", name), value)


def _ipf(_at: Setting) -> None:
    raise Failure("ipf: there is no packet filter here")


def _nothing(_at: Setting) -> None:
    """What is asked is so already, or is done elsewhere."""


# --- how arguments are read --------------------------------------------------------------------------


def _mac(verb: str, word: str) -> Mac:
    try:
        return Mac.parse(word)
    except ValueError:
        raise wrong(f"{verb}: invalid address: {word} (one is 02:00:00:00:00:50)") from None


def _number(low: int, high: int) -> Callable[[str, str], int]:
    return lambda verb, word: number(word, f"{verb}'s value", low, high)


def _name(_verb: str, word: str) -> str:
    return word


_SECONDS, _BYTE, _WORD, _ANY = _number(1, 255), _number(0, 255), _number(0, 65535), _number(0, 0x7FFFFFFF)


class Verb(NamedTuple):
    """A verb: its help, what it does, and how its arguments are read."""

    help: str
    act: Callable[..., None]
    arguments: tuple[Callable[[str, str], Any], ...] = ()


VERBS: dict[str, Verb] = {
    "add": Verb("make an interface a member", _add, (_name,)),
    "delete": Verb("take a member out", _delete, (_name,)),
    "up": Verb("forward from now on", lambda at: at.bridge.up()),
    "down": Verb("forward no more", lambda at: at.bridge.down()),
    "discover": Verb("frames to unknown addresses go there, too", _flag("discover", IFBIF_DISCOVER), (_name,)),
    "-discover": Verb("they do not", _flag("-discover", IFBIF_DISCOVER), (_name,)),
    "learn": Verb("note whose frames come from there", _flag("learn", IFBIF_LEARNING), (_name,)),
    "-learn": Verb("do not", _flag("-learn", IFBIF_LEARNING), (_name,)),
    "protect": Verb("from one protected member to another nothing passes", _flag("protect", IFBIF_PROTECTED), (_name,)),
    "-protect": Verb("all passes", _flag("-protect", IFBIF_PROTECTED), (_name,)),
    "flush": Verb("forget the addresses that were learned", lambda at: at.bridge.rtable.flush()),
    "flushall": Verb("forget the static ones, too", lambda at: at.bridge.rtable.flush(static=True)),
    "static": Verb("an address is behind that member, for good", _static, (_name, _mac)),
    "deladdr": Verb("forget an address", _deladdr, (_mac,)),
    "addr": Verb("show the addresses", _nothing),
    "maxaddr": Verb("how many addresses it may know", lambda at, value: at.bridge.rtable.set_maxaddr(value), (_ANY,)),
    "timeout": Verb("after how many seconds it forgets one that is silent; 0 is never", _timeout, (_ANY,)),
    "hellotime": Verb("seconds between two messages of the root", _time("bridge_hello_time"), (_SECONDS,)),
    "fwddelay": Verb("seconds of listening, and then of learning", _time("bridge_forward_delay"), (_SECONDS,)),
    "maxage": Verb("seconds after which a message holds no more", _time("bridge_max_age"), (_SECONDS,)),
    "priority": Verb("the lowest of all makes the root", lambda at, value: at.bridge.set_priority(value), (_WORD,)),
    "ifpriority": Verb("of equal ports the one with the lowest forwards", _ifpriority, (_name, _BYTE)),
    "ifpathcost": Verb("what a path through that member costs", _ifpathcost, (_name, _WORD)),
    "stp": Verb("the member takes part in the spanning tree", _flag("stp", IFBIF_STP), (_name,)),
    "-stp": Verb("it does not", _flag("-stp", IFBIF_STP), (_name,)),
    "ipf": Verb("filter packets: there is no filter", _ipf),
    "-ipf": Verb("do not", _nothing),
}
WORDS = {verb: entry.help for verb, entry in VERBS.items()}
