"""A stream of bytes that nobody can have put in another order, and the kernel's end of it: a plain Python program.

    python stream.py source|sink|answer|ask|reply [-l] [-b BYTES] [-t SECONDS] [-c CONTROL] [-n COUNT] ADDRESS PORT

`source` sends one stream and `sink` takes it (-l waits for the other side to call); both say in JSON what went
through.  `answer` takes so many streams at once, and answers each by its digest; `ask` sends so many, each a little
longer than the one before, and sees whether the digests are right.  `reply` answers so many short questions, one
caller after the other, and hangs up first where it was asked to.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

_BLOCK = 1 << 16
_READ = 1 << 18


def blocks(size: int) -> Iterator[bytes]:
    """The first so many bytes of the stream, block by block: noise, with the block's number in front."""
    noise = random.Random(1).randbytes(_BLOCK - 8)
    for number in range((size + _BLOCK - 1) // _BLOCK):
        yield (number.to_bytes(8) + noise)[: size - number * _BLOCK]


def source(so: socket.socket, size: int, seconds: float) -> dict[str, object]:
    """Send so many bytes, or as many as one can in that time; then wait until the other side is done, too."""
    digest, count, begin = hashlib.sha256(), 0, time.monotonic()
    for block in blocks(size):
        if time.monotonic() - begin > seconds:
            break
        so.sendall(block)
        digest.update(block)
        count += len(block)
    so.shutdown(socket.SHUT_WR)
    assert so.recv(1) == b""
    return {"bytes": count, "sha256": digest.hexdigest(), "seconds": time.monotonic() - begin}


def sink(so: socket.socket) -> dict[str, object]:
    """Take all there is."""
    digest, count = hashlib.sha256(), 0
    data = so.recv(_READ)
    begin = time.monotonic()
    while data:
        digest.update(data)
        count += len(data)
        data = so.recv(_READ)
    return {"bytes": count, "sha256": digest.hexdigest(), "seconds": time.monotonic() - begin}


def digest_of(size: int) -> bytes:
    """The digest of so much of the stream."""
    digest = hashlib.sha256()
    for block in blocks(size):
        digest.update(block)
    return digest.digest()


def answer(so: socket.socket) -> None:
    """Take one stream and answer it."""
    with so:
        so.sendall(bytes.fromhex(str(sink(so)["sha256"])))


def ask(address: tuple[str, int], size: int) -> bool:
    """Send one stream; whether the answer is right."""
    with socket.create_connection(address) as so:
        for block in blocks(size):
            so.sendall(block)
        so.shutdown(socket.SHUT_WR)
        return so.makefile("rb").read() == digest_of(size)


def crowd(args: argparse.Namespace) -> dict[str, object]:
    """Many streams at once."""
    with ThreadPoolExecutor(args.count) as pool:
        if args.role == "ask":
            sizes = range(args.bytes, args.bytes + args.count)
            return {"right": sum(pool.map(lambda size: ask((args.address, args.port), size), sizes))}
        with socket.create_server((args.address, args.port), backlog=args.count) as listener:
            for _ in range(args.count):
                pool.submit(answer, listener.accept()[0])
    return {"answered": args.count}


def reply(args: argparse.Namespace) -> dict[str, object]:
    """Short questions, one caller after the other."""
    with socket.create_server((args.address, args.port), backlog=128) as listener:
        for _ in range(args.count):
            with listener.accept()[0] as so:
                question = so.recv(100)
                so.sendall(question * 20)
                if question.startswith(b"stay"):
                    assert so.recv(1) == b""
    return {"answered": args.count}


def one(args: argparse.Namespace) -> dict[str, object]:
    """One stream."""
    with socket.socket() as so:
        if args.control:
            so.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, args.control.encode())
        if not args.listen:
            so.connect((args.address, args.port))
            return sink(so) if args.role == "sink" else source(so, args.bytes, args.seconds)
        so.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        so.bind((args.address, args.port))
        so.listen()
        with so.accept()[0] as connected:
            return sink(connected) if args.role == "sink" else source(connected, args.bytes, args.seconds)


def main() -> None:
    """Do what the words say."""
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=("source", "sink", "answer", "ask", "reply"))
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    parser.add_argument("-l", dest="listen", action="store_true")
    parser.add_argument("-b", dest="bytes", type=int, default=1 << 20)
    parser.add_argument("-t", dest="seconds", type=float, default=1e9)
    parser.add_argument("-c", dest="control")
    parser.add_argument("-n", dest="count", type=int, default=1)
    args = parser.parse_args()
    work = {"source": one, "sink": one, "reply": reply}.get(args.role, crowd)
    print(json.dumps(work(args)))


if __name__ == "__main__":
    main()
