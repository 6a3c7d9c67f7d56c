"""The keywords of ifconfig: how the value of each is read, what it does, and what it is for."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from commands._getopt import host, number, wrong
from commands.command import Context, Failure
from stack.addr import Ip4, Mac, plen_of
from stack.header.dot1q import VLAN_MAX, VLAN_MIN
from stack.kern.errors import oserror, strerror
from stack.lab import is_name
from stack.net.ethernet import Ethernet
from stack.net.ifnet import (
    IFCAP_LRO,
    IFCAP_NAMES,
    IFCAP_TSO4,
    IFF_DEBUG,
    IFF_LINK0,
    IFF_LINK1,
    IFF_LINK2,
    IFF_NOARP,
    IFF_POINTOPOINT,
    IFCAP_CSUM_IPv4_Rx,
    IFCAP_CSUM_IPv4_Tx,
    IFCAP_CSUM_TCPv4_Rx,
    IFCAP_CSUM_TCPv4_Tx,
    IFCAP_CSUM_UDPv4_Rx,
    IFCAP_CSUM_UDPv4_Tx,
    Ifnet,
    flag_words,
    unit_of,
)
from stack.net.vlan import Vlan


@contextmanager
def ioctl(name: str) -> Iterator[None]:
    """What the kernel refuses is said in its words, after the name of the request."""
    try:
        yield
    except (OSError, ImportError) as error:
        reason = getattr(error, "strerror", None) or str(error) or strerror(getattr(error, "errno", 0))
        raise Failure(f"{name}: {reason}") from None


class AddressWords(NamedTuple):
    """All that a line says of an address."""

    address: str = ""  # "" is the interface's first
    prefixlen: int | None = None
    netmask: int | None = None  # the same, said otherwise
    broadcast: str = ""
    destination: str = ""
    action: str = ""  # alias or delete


# --- how values are read ----------------------------------------------------------------------------


def mac(word: str) -> Mac:
    """A link-layer address."""
    try:
        return Mac.parse(word)
    except ValueError:
        raise wrong(f"{word}: not a link-layer address; one is 02:00:00:00:00:01") from None


def mtu(word: str) -> int:
    """A size in bytes; the interface says whether it can."""
    return number(word, "an MTU in bytes")


def mask(word: str) -> int:
    """A netmask, as 255.255.255.0 or 0xffffff00; its prefix length."""
    try:
        value = Ip4.parse(word) if "." in word else int(word, 0)
        if 0 <= value <= 0xFFFFFFFF:
            return plen_of(value)
    except ValueError as error:
        if "holes" in str(error):
            raise wrong(f"{word}: a netmask with holes; its ones stand together, as in 255.255.255.0") from None
    raise wrong(f"{word}: not a netmask; one is 255.255.255.0 or 0xffffff00")


def plen(word: str) -> int:
    """A prefix length."""
    return number(word, "a prefix length", 0, 32)


def bus(word: str) -> str:
    """The name of a bus of this lab, or with a / of a bus file."""
    if "/" in word:
        if not word.isprintable():
            raise wrong(f"linkstr {word!r}: no name of a file")
        return word
    if not is_name(word.replace(".", "-")):
        raise wrong(f"linkstr {word}: a bus's name is letters, digits, - _ and ., and begins with a letter")
    return word


def tag(word: str) -> int:
    """The tag of a VLAN."""
    return number(word, "the tag of a VLAN", VLAN_MIN, VLAN_MAX)


def metric(word: str) -> int:
    """A routing metric."""
    return number(word, "a metric")


def media(word: str) -> str:
    """Our Ethernets have but one medium."""
    if word not in ("autoselect", "auto"):
        raise wrong(f"unknown Ethernet media subtype: {word} (there is: autoselect)")
    return word


def mediaopt(word: str) -> str:
    """And no options."""
    raise wrong(f"unknown Ethernet media option: {word}")


# --- what keywords do -------------------------------------------------------------------------------


class Setting(NamedTuple):
    """Where a keyword acts."""

    ctx: Context
    ifp: Ifnet


def _flags(on: int = 0, off: int = 0) -> Callable[[Setting, Any], None]:
    def act(at: Setting, _value: Any) -> None:
        at.ifp.set_flags(on, off)

    return act


def _capable(on: int = 0, off: int = 0) -> Callable[[Setting, Any], None]:
    def act(at: Setting, _value: Any) -> None:
        ifp = at.ifp
        try:
            ifp.set_capenable(ifp.capenable & ~off | on)
        except OSError as error:
            able = flag_words(ifp.capabilities, IFCAP_NAMES) or "nothing of the kind"
            raise Failure(f"SIOCSIFCAP: {strerror(error.errno or 0)} ({ifp.name} can do {able})") from None

    return act


def _up(at: Setting, _value: Any) -> None:
    at.ifp.up()


def _down(at: Setting, _value: Any) -> None:
    at.ifp.down()


def _mtu(at: Setting, value: int) -> None:
    try:
        at.ifp.set_mtu(value)
    except OSError as error:
        raise Failure(f"SIOCSIFMTU: {strerror(error.errno or 0)} ({_why_no_mtu(at.ifp)})") from None


def _why_no_mtu(ifp: Ifnet) -> str:
    if isinstance(ifp, Ethernet) and ifp.bridge is not None:
        return f"members have the MTU of their bridge: {ifp.bridge.mtu}, changed there"
    if isinstance(ifp, Vlan) and ifp.parent is None:
        return "it is on no interface yet: vlan 5 vlanif shmif0"
    high = min(ifp.mtu_high, ifp.parent.mtu) if isinstance(ifp, Vlan) and ifp.parent is not None else ifp.mtu_high
    return f"it is between {ifp.mtu_low} and {high}"


def _metric(at: Setting, value: int) -> None:
    at.ifp.metric = value


def _link(at: Setting, value: Mac) -> None:
    with ioctl("SIOCALIFADDR"):
        at.ifp.set_lladdr(value)


def _linkstr(at: Setting, value: str) -> None:
    try:
        with ioctl("SIOCSLINKSTR"):
            at.ifp.set_linkstr(value)
    except Failure as failure:
        if str(failure).endswith(strerror(errno.EBUSY)) and at.ifp.linkstr is not None:
            raise Failure(f"{failure}: it is on {at.ifp.linkstr}, '-linkstr' leaves that") from None
        raise


def _no_linkstr(at: Setting, _value: Any) -> None:
    with ioctl("SIOCSLINKSTR"):
        at.ifp.set_linkstr(None)


def _vlanif(at: Setting, value: tuple[int, str]) -> None:
    vid, name = value
    parent = at.ctx.host.interfaces.get(name)
    if parent is None:
        raise Failure(f"SIOCSETVLAN: No such file or directory: there is no {name} ('ifconfig -l' lists them)")
    try:
        if not isinstance(at.ifp, Vlan):
            raise oserror(errno.ENOTTY)
        at.ifp.configure(parent, vid)
    except OSError as error:
        raise Failure(f"SIOCSETVLAN: {strerror(error.errno or 0)} ({_why_no_vlan(at.ifp, parent, vid)})") from None


def _why_no_vlan(ifp: Ifnet, parent: Ifnet, vid: int) -> str:
    if not isinstance(ifp, Vlan):
        return "only a vlanN bears a tag"
    if ifp.parent is not None:
        return f"it has tag {ifp.vid} on {ifp.parent.name}, '-vlanif' gives that up"
    if isinstance(parent, Ethernet) and (parent, vid) in ifp.vlans.table:
        return f"{ifp.vlans.table[parent, vid].name} has that tag on {parent.name}"
    if isinstance(parent, Vlan):
        return f"{parent.name} is on no other interface, or on {ifp.name} itself"
    return f"frames of {parent.name} bear no tags"


def _no_vlanif(at: Setting, _value: Any) -> None:
    with ioctl("SIOCSETVLAN"):
        if not isinstance(at.ifp, Vlan):
            raise oserror(errno.ENOTTY)
        at.ifp.unconfigure()


def _destroy(at: Setting, _value: Any) -> None:
    with ioctl("clone_command"):
        at.ctx.host.ifdestroy(at.ifp.name)


def _nothing(_at: Setting, _value: Any) -> None:
    """A word that only says more about another one."""


def set_address(at: Setting, words: AddressWords) -> None:
    """Add, change or delete an address (SIOCAIFADDR, SIOCDIFADDR)."""
    ifp, host = at.ifp, at.ctx.host
    address = _resolve(at, words.address) if words.address else None
    prefixlen = words.prefixlen if words.netmask is None else words.netmask
    if words.action == "delete":
        with ioctl("SIOCDIFADDR"):
            if address is None and ifp.addresses:
                address = ifp.addresses[0].address
            ifa = ifp.find(address) if address is not None else None
            same = ifa is not None and prefixlen in (None, ifa.plen)
            host.delete_address(ifp, address if address is not None and same else Ip4(0xFFFFFFFF))
        return
    assert address is not None
    if words.destination and not ifp.flags & IFF_POINTOPOINT:
        raise Failure("can't set destination address on non-point-to-point link")
    with ioctl("SIOCAIFADDR"):
        host.set_address(
            ifp, address, class_of(address) if prefixlen is None else prefixlen,
            broadcast=_resolve(at, words.broadcast) if words.broadcast else None,
            dst=_resolve(at, words.destination) if words.destination else None,
            alias=words.action == "alias",
        )  # fmt: skip


def _resolve(at: Setting, word: str) -> Ip4:
    """An address; a word that names nobody was perhaps meant as a keyword."""
    try:
        return at.ctx.resolve(word)
    except Failure:
        raise wrong(f"{word}: neither a keyword nor a host of this lab ('help ifconfig' lists the keywords)") from None


def class_of(address: Ip4) -> int:
    """The prefix length that an address had before there were prefixes (RFC 791 3.2: classes A, B, C)."""
    return 8 if address >> 31 == 0 else 16 if address >> 30 == 2 else 24


# Words for what a device may do for the stack (ifconfig's ifcapskw), and what each is good for.
CAPABILITIES: dict[str, tuple[int, str]] = {
    "tso4": (IFCAP_TSO4, "hand it super-segments of TCP, which it cuts"),
    "lro": (IFCAP_LRO, "take super-segments from it"),
    **{
        f"{name}{half}": (bits, f"leave {what} sums to it{how}")
        for name, what, rx, tx in (
            ("ip4csum", "IP", IFCAP_CSUM_IPv4_Rx, IFCAP_CSUM_IPv4_Tx),
            ("tcp4csum", "TCP", IFCAP_CSUM_TCPv4_Rx, IFCAP_CSUM_TCPv4_Tx),
            ("udp4csum", "UDP", IFCAP_CSUM_UDPv4_Rx, IFCAP_CSUM_UDPv4_Tx),
        )
        for half, bits, how in (("", rx | tx, ""), ("-rx", rx, ", of what comes"), ("-tx", tx, ", of what goes"))
    },
}


class Keyword(NamedTuple):
    """A keyword: its help, what it does, and the name and reader of its value, if it has one."""

    help: str
    act: Callable[[Setting, Any], None]
    value: str = ""
    read: Callable[[str], Any] = str


KEYWORDS: dict[str, Keyword] = {
    "create": Keyword("make the interface", _nothing),
    "destroy": Keyword("remove it", _destroy),
    "up": Keyword("mark it up", _up),
    "down": Keyword("mark it down", _down),
    "mtu": Keyword("the largest packet it carries, in bytes", _mtu, "bytes", mtu),
    "linkstr": Keyword("join a bus; a name with a / is a file, shared with other processes", _linkstr, "bus", bus),
    "-linkstr": Keyword("leave its bus", _no_linkstr),
    "vlan": Keyword("the tag of its frames, of a vlan interface", _nothing, "tag", tag),
    "vlanif": Keyword("the interface that carries them: vlan 5 vlanif shmif0", _vlanif, "interface"),
    "-vlanif": Keyword("leave that interface", _no_vlanif),
    "link": Keyword("set its link-layer address", _link, "mac", mac),
    "active": Keyword("use that link-layer address from now on", _nothing),
    "arp": Keyword("use ARP on it", _flags(off=IFF_NOARP)),
    "-arp": Keyword("use no ARP on it", _flags(on=IFF_NOARP)),
    "debug": Keyword("set its debug flag", _flags(on=IFF_DEBUG)),
    "-debug": Keyword("clear it", _flags(off=IFF_DEBUG)),
    "link0": Keyword("set a flag of the driver", _flags(on=IFF_LINK0)),
    "-link0": Keyword("clear it", _flags(off=IFF_LINK0)),
    "link1": Keyword("set a flag of the driver", _flags(on=IFF_LINK1)),
    "-link1": Keyword("clear it", _flags(off=IFF_LINK1)),
    "link2": Keyword("set a flag of the driver", _flags(on=IFF_LINK2)),
    "-link2": Keyword("clear it", _flags(off=IFF_LINK2)),
    **{word: Keyword(text, _capable(on=bits)) for word, (bits, text) in CAPABILITIES.items()},
    **{f"-{word}": Keyword("do not", _capable(off=bits)) for word, (bits, _) in CAPABILITIES.items()},
    "metric": Keyword("its routing metric", _metric, "number", metric),
    "media": Keyword("choose a medium: autoselect", _nothing, "type", media),
    "mediaopt": Keyword("options of the medium: there are none", _nothing, "options", mediaopt),
    "-mediaopt": Keyword("clear options of the medium", _nothing, "options", mediaopt),
    "inet": Keyword("an IPv4 address follows", _nothing),
}

# Words about an address: what each adds to AddressWords.
MODIFIERS: dict[str, Keyword] = {
    "netmask": Keyword("the address's netmask: 255.255.255.0 or 0xffffff00", _nothing, "mask", mask),
    "prefixlen": Keyword("the same as a number of bits", _nothing, "bits", plen),
    "broadcast": Keyword("the broadcast address of its net", _nothing, "address", host),
}
ACTIONS: dict[str, str] = {
    "alias": "add the address to those it has",
    "-alias": "take the address away",
    "delete": "take the address away",
}
WORDS: dict[str, str] = {
    **{word: keyword.help for word, keyword in (KEYWORDS | MODIFIERS).items()},
    **ACTIONS,
}


class Step(NamedTuple):
    """One thing to do: a keyword and its value; or "" and all that is said of an address."""

    word: str
    value: Any = None


def parse_words(words: list[str]) -> list[Step]:
    """What a line asks for after the name of the interface, in order."""
    steps: list[Step] = []
    about: dict[str, Any] = {}
    rest = iter(_without_parent(words))
    for word in rest:
        if word in KEYWORDS:
            if word == "active" and (not steps or steps[-1].word != "link"):
                raise wrong("active: goes with a link-layer address: link 02:00:00:00:00:01 active")
            steps.append(Step(word, _value(word, KEYWORDS[word], rest)))
        elif word == "inet6":
            raise wrong("inet6: there is no IPv6 yet")
        else:
            if not about:
                steps.append(Step(""))
            _about_address(word, rest, about)
    if about:
        steps[[step.word for step in steps].index("")] = Step("", _address_words(about, words))
    _join_vlan(steps)
    for at, step in enumerate(steps):
        if (step.word == "create" and at) or (step.word == "destroy" and len(steps) > 1):
            raise wrong(f"{step.word}: " + ("comes first" if step.word == "create" else "stands alone"))
    return steps


def _without_parent(words: list[str]) -> list[str]:
    """NetBSD wants to hear, behind -vlanif, of the interface that is left; there is but one, so it may be named."""
    return [
        word
        for before, word in zip(["", *words], words, strict=False)
        if before != "-vlanif" or unit_of(word, (word.rstrip("0123456789"),)) is None
    ]


def _join_vlan(steps: list[Step]) -> None:
    """A tag and the interface that carries it are one thing."""
    places = {word: [at for at, step in enumerate(steps) if step.word == word] for word in ("vlan", "vlanif")}
    tags, parents = places["vlan"], places["vlanif"]
    if len(tags) != len(parents) or len(tags) > 1:
        raise wrong("vlan and vlanif go together, once: vlan 5 vlanif shmif0")
    if tags:
        steps[parents[0]] = Step("vlanif", (steps[tags[0]].value, steps[parents[0]].value))


def _value(word: str, keyword: Keyword, rest: Iterator[str]) -> Any:
    if not keyword.value:
        return None
    value = next(rest, None)
    if value is None:
        raise wrong(f"'{word}' requires an argument: {word} {keyword.value}")
    return keyword.read(value)


def _about_address(word: str, rest: Iterator[str], about: dict[str, Any]) -> None:
    if word in MODIFIERS:
        about[word] = _value(word, MODIFIERS[word], rest)
    elif word in ACTIONS:
        about["action"] = "alias" if word == "alias" else "delete"
    elif "address" not in about:
        name, slash, bits = word.partition("/")
        about["address"] = host(name)
        if slash:
            about["prefixlen"] = plen(bits)
    elif "destination" not in about:
        about["destination"] = host(word)
    else:
        raise wrong(f"{word}: one word too many; a line sets one address")


def _address_words(about: dict[str, Any], words: list[str]) -> AddressWords:
    found = AddressWords(**about)
    if not found.address and found.action != "delete":
        which = next(word for word in words if word in MODIFIERS or word in ACTIONS)
        raise wrong(f"{which}: goes with an address: inet 10.0.0.1 {which} ...")
    return found
