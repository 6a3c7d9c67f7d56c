"""Duplicates: telling the peer of them, and taking back a recovery that only made some (BSD netinet/tcp_sack.c).

Read first: RFC 2883 4, the first block of an ack may be of what has come twice; RFC 3708 and RFC 3522, what its
sender learns from that or from timestamps; RFC 4015, what it does then.
"""

from __future__ import annotations

from stack.netinet.tcp_rack import Rack
from stack.netinet.tcp_sack import Block, Scoreboard
from stack.netinet.tcp_segment import Segment
from stack.netinet.tcp_seq import SEQ_GEQ, SEQ_LEQ, SEQ_LT, SEQ_SUB
from stack.netinet.tcp_subr import tcp_initial_window
from stack.netinet.tcp_var import TF_DSACK, TF_SACK, TF_TSTMP, Tcpcb

_MAX_BLOCKS = 4  # as many as find room (RFC 2018 3)

# --- who receives them ----------------------------------------------------------------------------


def tcp_dsack_report(tp: Tcpcb, start: int, end: int) -> None:
    """These bytes have come before: the next ack says so, once, before all other blocks (4)."""
    if not tp.flags & TF_SACK or not tp.tcp.sack_dsack:
        return
    tcp_dsack_pending(tp)
    tp.flags |= TF_DSACK
    tp.sacked = ((start, end), *tp.sacked)[: _MAX_BLOCKS - bool(tp.flags & TF_TSTMP)]


def tcp_dsack_pending(tp: Tcpcb) -> Block | None:
    """What is still to be said; it will not be said again."""
    if not tp.flags & TF_DSACK:
        return None
    tp.flags &= ~TF_DSACK
    block, tp.sacked = tp.sacked[0], tp.sacked[1:]
    return block


def tcp_dsack_overlap(queue: list[tuple[int, bytes | memoryview]], seq: int, size: int) -> Block | None:
    """What of a segment lies over those that wait beyond a gap: the first such part."""
    found: Block | None = None
    for start, piece in queue:
        low, high = max(SEQ_SUB(start, seq), 0), min(SEQ_SUB(start, seq) + len(piece), size)
        if found is not None and low != found[1]:
            break
        if low < high:
            found = (low if found is None else found[0]), high
    return None if found is None else (seq + found[0] & 0xFFFFFFFF, seq + found[1] & 0xFFFFFFFF)


# --- who sent them --------------------------------------------------------------------------------


def tcp_dsack_of(seg: Segment) -> Block | None:
    """What an ack reports as a duplicate: its first block, if that is acknowledged or lies in the second (5)."""
    blocks = seg.told.sack
    if not blocks:
        return None
    start, end = blocks[0]
    if SEQ_LEQ(end, seg.ack):
        return blocks[0]
    inside = len(blocks) > 1 and SEQ_GEQ(start, blocks[1][0]) and SEQ_LEQ(end, blocks[1][1])
    return blocks[0] if inside else None


def tcp_dsack_arrives(tp: Tcpcb, block: Block) -> None:
    """RFC 3708: what we sent twice came twice; when that holds for all of a recovery, nothing was lost."""
    tp.tcp.stat["sack_dsackrcvd"] += 1
    rack = tp.rack
    if rack is None or SEQ_GEQ(block[0], block[1]) or not rack.reported(*block):
        return  # it is the network that doubles, or a probe was early
    tp.tcp.stat["sack_dsackrexmit"] += 1
    tcp_needless(tp, rack, SEQ_SUB(rack.end, block[0]))
    if rack.again <= 0 and rack.prior is not None:
        tp.tcp.stat["sack_undo"] += 1
        window = tp.snd_cwnd
        tcp_take_back(tp, tp.snd_una, *rack.prior)
        tp.snd_cwnd = max(tp.snd_cwnd, window)


def tcp_eifel(tp: Tcpcb, undo: tuple[int, int, int], seg: Segment) -> bool:
    """RFC 3522 3.2: an ack of what was sent again, but older than that, is of the original: it was only overtaken."""
    tp.undo = None
    pipe, ssthresh, when = undo
    if not tp.in_recovery or seg.told.ts is None or not SEQ_LT(seg.told.ts[1], when):
        return False
    tp.tcp.stat["eifel"] += 1
    if tp.flags & TF_SACK and tp.rack is not None:
        tcp_needless(tp, tp.rack, SEQ_SUB(tp.rack.end, tp.snd_una))
    tcp_take_back(tp, seg.ack, pipe, ssthresh)
    return True


def tcp_overtaken(tp: Tcpcb, rack: Rack, distance: int) -> None:
    """Segments overtake each other on this way, by so many bytes."""
    if rack.overtaken(distance, tp.snd_una, tp.snd_max):
        tp.tcp.stat["reordered"] += 1
    if tp.sack is not None:
        tp.sack.ordered = tcp_in_order(tp)


def tcp_in_order(tp: Tcpcb) -> bool:
    """Whether three duplicates are a loss: nothing was ever overtaken, or it is not to be looked at."""
    return tp.rack is None or not tp.rack.degree or not tp.tcp.rack_enable or not tp.tcp.early_retrans


def tcp_needless(tp: Tcpcb, rack: Rack, distance: int) -> None:
    """What was sent again had been overtaken, by so many bytes: bear with that, or if we did, wait longer."""
    if rack.degree:
        rack.needless(tp.snd_una, tp.snd_max)
    else:
        tcp_overtaken(tp, rack, distance)


def tcp_take_back(tp: Tcpcb, ack: int, pipe: int, ssthresh: int) -> None:
    """RFC 4015 3.1 step (9), 3.4: the window is what it was before the recovery, but no burst leaves."""
    tp.in_recovery = False
    tp.snd_recover = ack
    tp.snd_ssthresh = max(pipe, ssthresh)
    tp.snd_cwnd = SEQ_SUB(tp.snd_max, ack) + min(SEQ_SUB(ack, tp.snd_una), tcp_initial_window(tp))
    tp.cc.undo()
    if tp.rack is not None:
        tp.rack.prior = None
    if tp.sack is not None:
        tp.sack.begin(tp.snd_max)


def tcp_scoreboard(tp: Tcpcb) -> Scoreboard:
    """The connection's scoreboard, a new one if there is none."""
    if tp.sack is None:
        tp.sack = Scoreboard()
        tp.sack.ordered = tcp_in_order(tp)
    return tp.sack


def tcp_reo_wnd(tp: Tcpcb, srtt: float) -> float:
    """How long what is only overtaken may take, seconds."""
    if tcp_in_order(tp) or tp.rack is None:
        return srtt / 4
    return tp.rack.reo_wnd(tp.rttlow, srtt)
