"""Segments beyond a gap wait here until it is filled (BSD netinet/tcp_input.c, tcp_reass; RFC 9293 3.4)."""

from __future__ import annotations

from stack.header.tcp import TH_FIN
from stack.kern.sockbuf import Piece
from stack.kern.socket import SS_CANTRCVMORE
from stack.netinet.tcp_seq import SEQ_MASK, SEQ_SUB
from stack.netinet.tcp_var import TF_ACKNOW, Tcpcb

_MAX_SEGMENTS = 1024  # of one connection: a peer that sends single bytes does not fill our memory


def tcp_reass(tp: Tcpcb, seq: int, data: Piece, flags: int) -> int:
    """Take a segment that lies within the window; returns TH_FIN when the peer's FIN has been reached.

    What lies over bytes that are here already is cut off: the first copy wins.
    """
    stat = tp.tcp.stat
    tp.flags |= TF_ACKNOW  # RFC 5681 4.2: a gap, or a gap filled, is acknowledged at once
    if seq != tp.rcv_nxt:
        stat["rcvoopack"] += 1
        stat["rcvoobyte"] += len(data)
    queue = tp.reass if tp.reass is not None else []
    tp.reass = queue
    _insert(tp, queue, seq, data, bool(flags & TH_FIN))
    fin = _present(tp, queue)
    if not queue:
        tp.reass = None
    return fin


def _insert(tp: Tcpcb, queue: list[tuple[int, Piece, bool]], seq: int, data: Piece, fin: bool) -> None:
    """Put what is new of a segment in its place."""
    place = 0
    for start, piece, _ in queue:
        if SEQ_SUB(start, seq) > 0:
            break
        place += 1
        covered = SEQ_SUB(start + len(piece) & SEQ_MASK, seq)
        if covered > 0:
            data = data[covered:]
            seq = seq + min(covered, covered) & SEQ_MASK
            tp.tcp.stat["rcvpartduppack" if data else "rcvduppack"] += 1
    while data or fin:
        if place < len(queue):
            room = SEQ_SUB(queue[place][0], seq)
            if len(data) > room:  # it reaches into the next one
                if room > 0:
                    queue.insert(place, (seq, data[:room], False))
                    place += 1
                start, piece, _ = queue[place]
                data = data[room + len(piece) :] if len(data) > room + len(piece) else b""
                seq = start + len(piece) & SEQ_MASK
                place += 1
                if not data and not fin:
                    return
                continue
        if len(queue) >= _MAX_SEGMENTS:
            tp.tcp.drop("rcvmemdrop")
            return
        queue.insert(place, (seq, data, fin))
        return


def _present(tp: Tcpcb, queue: list[tuple[int, Piece, bool]]) -> int:
    """Hand what is in order now to the program."""
    stat = tp.tcp.stat
    while queue and queue[0][0] == tp.rcv_nxt:
        _, data, fin = queue.pop(0)
        tp.rcv_nxt = tp.rcv_nxt + len(data) & SEQ_MASK
        stat["rcvpack"] += 1
        stat["rcvbyte"] += len(data)
        if not tp.so.state & SS_CANTRCVMORE:
            tp.rcv.append(data)
        if fin:
            queue.clear()
            return TH_FIN
    return 0
