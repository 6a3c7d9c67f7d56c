"""TCP, and the first lines of what it carries, in tcpdump's words (print-tcp.c, print.c's txtproto_print)."""

from __future__ import annotations

import re

from commands._tcpdump_core import (
    Conversation,
    Netdissect,
    Truncated,
    bits,
    in_cksum,
    need,
    printable,
    shouldbe,
    u8,
    u16,
    u32,
)
from commands._tcpdump_domain import DOMAIN, domain_print
from stack.header.checksum import pseudo4
from stack.header.ip import IPPROTO_TCP
from stack.header.tcp import TH_ACK, TH_FIN, TH_RST, TH_SYN, TH_URG

_FLAGS = {1: "F", 2: "S", 4: "R", 8: "P", 16: ".", 32: "U", 64: "E", 128: "W", 256: "e"}
_EOL, _NOP, _MSS, _WSCALE, _SACKOK, _SACK, _TS, _MD5 = 0, 1, 2, 3, 4, 5, 8, 19
_OPTIONS = {
    _EOL: "eol", _NOP: "nop", _MSS: "mss", _WSCALE: "wscale", _SACKOK: "sackOK", _SACK: "sack", 6: "echo",
    7: "echoreply", _TS: "TS", 11: "cc", 12: "ccnew", 13: "ccecho", _MD5: "md5", 20: "scps", 28: "uto",
    29: "tcp-ao", 30: "mptcp", 34: "tfo", 254: "exp",
}  # fmt: skip
_NUMBERS = {_MSS: 2, _WSCALE: 1, 6: 4, 7: 4, 11: 4, 12: 4, 13: 4}  # options that are one number of so many bytes
_MAX_RST_DATA = 30
_WORD = 0xFFFFFFFF


class _BadOption(Exception):
    """An option that is longer than the room for it."""


def tcp_print(ndo: Netdissect, data: bytes, length: int, packet: bytes, *, fragmented: bool) -> None:
    """A segment (RFC 9293 3.1); `packet` is the IP packet that it is in."""
    ndo.protocol = "tcp"
    source, destination = _ends(ndo, packet)
    if len(data) < 4:
        ndo.put(f"{source} > {destination}:")
        return ndo.trunc()
    sport, dport = u16(data, 0), u16(data, 2)
    ndo.put(f"{source}.{ndo.port(sport)} > {destination}.{ndo.port(dport)}: ")
    hlen = (need(data, 0, 20)[12] >> 4) * 4
    if hlen < 20:
        return ndo.put(f" tcp {length - hlen & _WORD} [bad hdr length {hlen} - too short, < 20]")
    if ndo.options.quick:
        ndo.put(f"tcp {length - hlen & _WORD}")
        if hlen > length:
            ndo.put(f" [bad hdr length {hlen} - too long, > {length}]")
        return None
    return _segment(ndo, data, length, packet, hlen, fragmented=fragmented)


def _ends(ndo: Netdissect, packet: bytes) -> tuple[str, str]:
    if packet[0] >> 4 == 4:
        return ndo.address(packet, 12), ndo.address(packet, 16)
    return ndo.source, ndo.destination


def _segment(ndo: Netdissect, data: bytes, length: int, packet: bytes, hlen: int, *, fragmented: bool) -> None:
    seq, ack, window = u32(data, 4), u32(data, 8), u16(data, 14)
    flags = u16(data, 12) & 0x1FF
    ndo.put(f"Flags [{bits(flags, _FLAGS, between='')}]")
    edge = 0  # what SACK blocks are counted from
    if flags & TH_ACK and not ndo.options.absolute:
        seq, ack, edge = _relative(ndo, packet, data, flags)
    if hlen > length:
        return ndo.put(f" [bad hdr length {hlen} - too long, > {length}]")
    if ndo.verbose and not fragmented:
        _checksum(ndo, data, length, packet)
    length -= hlen
    if ndo.verbose > 1 or length or flags & (TH_SYN | TH_FIN | TH_RST):
        ndo.put(f", seq {seq}{f':{seq + length & _WORD}' if length else ''}")
    ndo.put(f"{f', ack {ack}' if flags & TH_ACK else ''}, win {window}")
    if flags & TH_URG:
        ndo.put(f", urg {u16(data, 18)}")
    if hlen > 20 and not _options(ndo, data, hlen, edge):
        return None
    ndo.put(f", length {length}")
    if length:
        _payload(ndo, data[hlen:], length, u16(data, 0), u16(data, 2), flags)
    return None


def _relative(ndo: Netdissect, packet: bytes, data: bytes, flags: int) -> tuple[int, int, int]:
    """Sequence numbers counted from where the conversation began, or was first seen."""
    sport, dport, seq, ack = u16(data, 0), u16(data, 2), u32(data, 4), u32(data, 8)
    here, there = _addresses(packet)
    # the other direction has the ports swapped; addresses decide when they are equal (memcmp, little-endian numbers)
    reverse = sport > dport or (sport == dport and here > there)
    key = (there, here, dport, sport) if reverse else (here, there, sport, dport)
    found = ndo.conversations.get(key)
    if found is None or flags & TH_SYN:
        first, second = seq, ack - 1 & _WORD
        ndo.conversations[key] = found = Conversation(*((second, first) if reverse else (first, second)))
    elif reverse:
        seq, ack = seq - found.ack & _WORD, ack - found.seq & _WORD
    else:
        seq, ack = seq - found.seq & _WORD, ack - found.ack & _WORD
    return seq, ack, found.seq if reverse else found.ack


def _addresses(packet: bytes) -> tuple[int, int]:
    if packet[0] >> 4 == 4:
        return int.from_bytes(packet[12:16]), int.from_bytes(packet[16:20])
    return int.from_bytes(packet[8:24]), int.from_bytes(packet[24:40])


def pseudo_header(packet: bytes, proto: int, length: int) -> int:
    """The sum of what TCP and UDP include of the IP header."""
    here, there = _addresses(packet)
    if packet[0] == 0x45 or packet[0] >> 4 != 4:
        return pseudo4(here, there, proto, length)
    at, end = 20, (packet[0] & 15) * 4
    while at + 1 < end and packet[at]:  # with a source route it is the last address (ip_finddst)
        size = 1 if packet[at] == 1 else packet[at + 1]
        if size < 2 and packet[at] != 1:
            break
        if packet[at] in (131, 137) and size >= 7:
            there = int.from_bytes(packet[at + size - 4 : at + size])
            break
        at += size
    return pseudo4(here, there, proto, length)


def _checksum(ndo: Netdissect, data: bytes, length: int, packet: bytes) -> None:
    if len(data) < length:
        return
    found = u16(data, 16)
    wrong = in_cksum(data[:length], pseudo_header(packet, IPPROTO_TCP, length))
    ndo.put(f", cksum 0x{found:04x} ({f'incorrect -> 0x{shouldbe(found, wrong):04x}' if wrong else 'correct'})")


def _options(ndo: Netdissect, data: bytes, hlen: int, edge: int) -> bool:
    """The options; False when they make no sense, and the line ends there."""
    ndo.put(", options [")
    at, between = 20, ""
    try:
        while at < hlen:
            ndo.put(between)
            code = u8(data, at)
            size = 1 if code in (_EOL, _NOP) else u8(data, at + 1)
            if at + size > hlen or size < 1 + (code > _NOP):
                raise _BadOption
            ndo.put(_OPTIONS.get(code, f"unknown-{code}"))
            try:
                used = _option(ndo, data, code, at, size, hlen, edge)
            except Truncated:
                ndo.trunc()
                ndo.put(">" if between else "")  # tcpdump's own slip: options once stood between < and >
                return False
            between = ","
            if used != size:
                ndo.put(f"[len {size}]")
            at += used
            if code == _EOL:
                break
    except _BadOption:
        ndo.put("[bad opt]]" if between else "[bad opt]")
        return False
    ndo.put("]")
    return True


def _option(ndo: Netdissect, data: bytes, code: int, at: int, size: int, hlen: int, edge: int) -> int:
    """The value of one; how many bytes it should have in all."""

    def room(wanted: int) -> None:
        if at + 2 + wanted > hlen:
            raise _BadOption
        need(data, at + 2, wanted)

    if code in (_EOL, _NOP):
        return 1
    if code in _NUMBERS:
        wanted = _NUMBERS[code]
        room(wanted)
        ndo.put(f" {int.from_bytes(data[at + 2 : at + 2 + wanted])}")
        return 2 + wanted
    if code == _TS:
        room(8)
        ndo.put(f" val {u32(data, at + 2)} ecr {u32(data, at + 6)}")
        return 10
    if code == _SACKOK:
        return 2
    if code == _SACK and (size - 2) % 8 == 0:
        _sack(ndo, data, at + 2, size - 2, edge)
        return size
    value = need(data, at + 2, size - 2)
    if code == _SACK:
        ndo.put(" invalid sack")
    elif code == _MD5 and len(value) == 16:
        ndo.put(f" shared secret not supplied with -M, can't check - {value.hex()}")
    elif code == 28 and len(value) == 2:
        timeout = u16(value, 0)
        ndo.put(f" 0x{timeout:x} {(timeout >> 1) * (60 if timeout & 1 else 1)}")
    elif code == 34:
        ndo.put(f"  cookie {value.hex()}" if value else "  cookiereq")
    elif value:
        ndo.put(f" 0x{value.hex()}")
    return size


def _sack(ndo: Netdissect, data: bytes, at: int, size: int, edge: int) -> None:
    ndo.put(f" {size // 8} ")
    for block in range(at, at + size, 8):
        ndo.put(f"{{{u32(data, block) - edge & _WORD}:{u32(data, block + 4) - edge & _WORD}}}")


# --- what it carries -------------------------------------------------------------------------------------

_HTTP = (
    "GET PUT COPY HEAD LOCK MOVE POLL POST BCOPY BMOVE MKCOL TRACE LABEL MERGE DELETE SEARCH UNLOCK REPORT UPDATE"
    " NOTIFY BDELETE CONNECT OPTIONS CHECKIN PROPFIND CHECKOUT CCM_POST SUBSCRIBE PROPPATCH BPROPFIND BPROPPATCH"
    " UNCHECKOUT MKACTIVITY MKWORKSPACE UNSUBSCRIBE RPC_CONNECT VERSION-CONTROL BASELINE-CONTROL"
)
_FTP = (
    "ACCT APPE CWD DELE EPRT EPSV HELP LIST MDTM MKD NLST NOOP PASS PASV PORT PWD QUIT REIN REST RETR RMD RNFR RNTO"
    " SITE SIZE STAT STOR STOU STRU SYST TYPE USER ABOR ALLO CDUP MODE SMNT"
)
_SMTP = "HELO MAIL RCPT DATA RSET SEND SOML SAML VRFY EXPN HELP NOOP QUIT TURN EHLO"
# by port: the name, the requests, and whether the status is the second word of an answer
_TEXTS = {80: ("HTTP", _HTTP, True), 8080: ("HTTP", _HTTP, True), 3128: ("HTTP", _HTTP, True)}
_TEXTS |= {21: ("FTP", _FTP, False), 25: ("SMTP", _SMTP, False)}
_STATUS = re.compile(rb"[0-9]{3}(?![^ \r\n\t])")


def _payload(ndo: Netdissect, data: bytes, length: int, sport: int, dport: int, flags: int) -> None:
    if flags & TH_RST and ndo.verbose:
        return _reset(ndo, data, length)
    data = data[:length]
    text = _TEXTS.get(sport) or _TEXTS.get(dport)
    if text is not None:
        ndo.put(": ")
        return text_print(ndo, data, length, *text)
    if DOMAIN in (sport, dport) and length > 2:
        ndo.put(" ")
        return domain_print(ndo, data[2:], length - 2)
    return None


def _reset(ndo: Netdissect, data: bytes, length: int) -> None:
    """RFC 9293 3.5.2: a reset may say why, in words."""
    cut = "+" if length > _MAX_RST_DATA else ""
    ndo.put(f" [{'RST' if len(data) >= length else '!RST'}{cut} {printable(data[: min(length, _MAX_RST_DATA)])}]")


def text_print(ndo: Netdissect, data: bytes, length: int, name: str, requests: str, second: bool) -> None:
    """A protocol of lines: its name, and a request or an answer as it is; with -v the whole head of it."""
    ndo.protocol = name.lower()
    ndo.put(name)
    if not _speaks(data, requests, second):
        return
    if not ndo.verbose:
        _line(ndo, ": ", data, 0, length)
        return
    ndo.put(f", length: {length}")
    at = 0
    while at < length:
        at = _line(ndo, "\n\t", data, at, length)
        if not at:
            return


def _speaks(data: bytes, requests: str, second: bool) -> bool:
    """Whether it begins with a request or with the status of an answer."""
    words = data.split(maxsplit=2)
    if not words or data[:1].isspace():
        return False
    if words[0].decode("latin-1").upper() in requests.split():
        return True
    status = words[1:2] if second else words[:1]
    return bool(status) and _STATUS.match(status[0]) is not None


def _line(ndo: Netdissect, prefix: str, data: bytes, at: int, length: int) -> int:
    """Print the line there, if it is text; where the next begins, 0 when there is none (print_txt_line)."""
    start = at
    while at < length:
        if at == len(data):
            ndo.trunc()
            return 0
        byte = data[at]
        if byte == 0x0D and at + 1 == len(data) < length:
            ndo.trunc()
            return 0
        if byte == 0x0A or (byte == 0x0D and data[at + 1 : at + 2] == b"\n"):
            ndo.put(f"{prefix}{data[start:at].decode('ascii')}")
            return at + (1 if byte == 0x0A else 2)
        if not (0x20 <= byte <= 0x7E or byte == 0x09):
            return 0
        at += 1
    ndo.put(f"{prefix}{data[start:at].decode('ascii')}")
    ndo.trunc()
    return 0
