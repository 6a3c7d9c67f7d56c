"""Segments beyond a gap wait here until it is filled (BSD netinet/tcp_input.c, tcp_reass; RFC 9293 3.4)."""

from __future__ import annotations

from stack.header.tcp import TH_FIN
from stack.kern.sockbuf import Piece
from stack.kern.socket import SS_CANTRCVMORE, SS_OOBEXPECTED
from stack.netinet.tcp_dsack import tcp_dsack_overlap, tcp_dsack_pending, tcp_dsack_report
from stack.netinet.tcp_sack import Block
from stack.netinet.tcp_seq import SEQ_MASK, SEQ_SUB
from stack.netinet.tcp_urgent import tcp_pulloutofband
from stack.netinet.tcp_var import TF_ACKNOW, TF_SACK, TF_TSTMP, Tcpcb

_MAX_BLOCKS = 4  # as many as find room (RFC 2018 3)
_MAX_SEGMENTS = 1024  # of one connection, or what the buffer holds: who sends single bytes does not fill our memory


def tcp_reass(tp: Tcpcb, seq: int, data: Piece, flags: int) -> bool:
    """Take a segment that lies within the window; True when the peer's FIN has been reached.

    What lies over bytes that are here already is cut off: the first copy wins.
    """
    stat = tp.tcp.stat
    tp.flags |= TF_ACKNOW  # RFC 5681 4.2: a gap, or a gap filled, is acknowledged at once
    queue = tp.reass if tp.reass is not None else []
    twice = tcp_dsack_pending(tp)
    if seq != tp.rcv_nxt:
        stat["rcvoopack"] += 1
        stat["rcvoobyte"] += len(data)
        if len(queue) >= max(_MAX_SEGMENTS, tp.rcv.hiwat // tp.maxseg):
            tp.tcp.drop("rcvmemdrop")
            return False
    if flags & TH_FIN and tp.fin_at is None:
        tp.fin_at = seq + len(data) & SEQ_MASK
    if data and queue and queue[-1][0] + len(queue[-1][1]) & SEQ_MASK == seq:
        # what follows the last one is the usual case, and a large window behind a gap is not to be walked for each
        queue.append((seq, data))
        follows = bool(tp.sacked) and tp.sacked[0][1] == seq
    else:
        twice = twice or tcp_dsack_overlap(queue, seq, len(data))
        _insert(queue, seq, data)
        _present(tp, queue)
        follows = False
    if follows:
        tp.sacked = (tp.sacked[0][0], seq + len(data) & SEQ_MASK), *tp.sacked[1:]
    else:
        tp.sacked = _blocks(tp, queue, seq) if tp.flags & TF_SACK and queue else ()
    if tp.fin_at is not None and SEQ_SUB(tp.rcv_nxt, tp.fin_at) >= 0:
        tp.reass, tp.sacked = None, ()
        return True
    if twice is not None:
        tcp_dsack_report(tp, *twice)
    tp.reass = queue if queue or tp.fin_at is not None else None
    return False


def _blocks(tp: Tcpcb, queue: list[tuple[int, Piece]], seq: int) -> tuple[Block, ...]:
    """What to tell the peer (RFC 2018 4): the block with the segment that came last first, then those told before."""
    whole: list[Block] = []
    for start, piece in queue:
        end = start + len(piece) & SEQ_MASK
        if whole and whole[-1][1] == start:
            whole[-1] = whole[-1][0], end
        else:
            whole.append((start, end))
    places = {start: rank for rank, (start, _) in enumerate(tp.sacked, 1)} | {seq: 0}

    def rank(block: Block) -> int:
        size = SEQ_SUB(block[1], block[0])
        inside = [place for at, place in places.items() if 0 <= SEQ_SUB(at, block[0]) < size]
        return min(inside, default=len(places))

    return tuple(sorted(whole, key=rank)[: _MAX_BLOCKS - bool(tp.flags & TF_TSTMP)])


def _insert(queue: list[tuple[int, Piece]], seq: int, data: Piece) -> None:
    """Put what is new of a segment into the gaps between those that are here."""
    place = 0
    while data:
        if place < len(queue):
            start, piece = queue[place]
            gap = SEQ_SUB(start, seq)  # how much of it lies before that one
        else:
            gap, piece = len(data), b""
        if gap > 0:
            queue.insert(place, (seq, data[:gap]))
            place += 1
        covered = gap + len(piece)  # as far as that one reaches
        if covered > 0:
            seq = seq + covered & SEQ_MASK
            data = data[covered:]
        place += 1


def _present(tp: Tcpcb, queue: list[tuple[int, Piece]]) -> None:
    """Hand what is in order now to the program."""
    stat = tp.tcp.stat
    while queue and queue[0][0] == tp.rcv_nxt:
        _, data = queue.pop(0)
        size = len(data)
        tp.rfbuf_cnt += size
        if tp.so.state & SS_OOBEXPECTED:
            data = tcp_pulloutofband(tp, data)
        tp.rcv_nxt = tp.rcv_nxt + size & SEQ_MASK
        stat["rcvpack"] += 1
        stat["rcvbyte"] += size
        if not tp.so.state & SS_CANTRCVMORE:
            tp.rcv.append(data)
