"""What the next event of a lab is, in words: for who goes through them one by one."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType, MethodType

from stack.callout import Callouts
from stack.kern.proc import Proc
from stack.net.ethernet import Ethernet
from stack.net.loopback import Loopback
from stack.net.wire import Bus
from stack.netinet.tcp_var import Tcpcb, Timer
from stack.probe import Protocol


def event_of(callouts: Callouts) -> str:
    """What happens next; "" when nothing does."""
    if callouts.next_due() is None:
        return ""
    call = callouts.ready[0] if callouts.ready else callouts.heap[0][2].function
    return told(call) if call is not None else ""


def told(call: Callable[[], None]) -> str:
    """What a call is that waits for its time."""
    owner = call.__self__ if isinstance(call, MethodType) else _enclosed(call)
    match owner:
        case Proc():
            where = f"{owner.hostname}: " if owner.hostname else ""
            return f"{where}process {owner.pid} goes on: {' '.join(owner.argv)}"
        case Ethernet():
            return f"{owner.ether.hostname}: {owner.name} takes in {_frames(len(owner.inq))}"
        case Loopback():
            return f"{owner.name} takes in {_frames(len(owner.inq))}"
        case Bus():
            return f"bus:{owner.label}: {_frames(_arriving(owner))} {'arrives' if _arriving(owner) == 1 else 'arrive'}"
        case Timer():
            return _timer(owner)
        case Protocol():
            return f"{owner.hostname}: a timer of {owner.name}"
    return "a timer"


def _frames(count: int) -> str:
    return f"{count} frame{'s' * (count != 1)}"


def _arriving(bus: Bus) -> int:
    """How many frames arrive with the first."""
    flying = bus.flying or ()
    return sum(1 for arrives, _, _ in flying if arrives == flying[0][0]) if flying else 1


def _timer(timer: Timer) -> str:
    """A timer of a connection: whose, and which of them."""
    owner = _enclosed(timer.function)
    if not isinstance(owner, Tcpcb):
        return "a timer"
    names = (name for name in ("rexmt", "persist", "keep", "twomsl", "delack") if getattr(owner, name) is timer)
    late = timer.due is None or timer.due > owner.tcp.callouts.now and timer.due != owner.tcp.callouts.next_due()
    what = "was stopped or set later" if late else "runs out"
    return f"{owner.tcp.hostname}: TCP's timer {next(names, '')} {what}"


def _enclosed(call: object) -> object:
    """Whom a function without a name is about."""
    if not isinstance(call, FunctionType) or not call.__closure__:
        return None
    names = dict(zip(call.__code__.co_freevars, call.__closure__, strict=True))
    cell = names.get("self", names.get("tp"))
    return cell.cell_contents if cell is not None else None
