"""Programs on hosts of a lab: system calls, echoes and a stream between two of them (python -m bench.programs)."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.measure import Figure, arguments, calibrate, report

# os.times() has the machine's own clock, whatever the lab's is
_SERVER = """
import os, socket, time
calls = 20_000
begin = os.times().elapsed
for _ in range(calls):
    socket.gethostname()
print("system calls", calls / (os.times().elapsed - begin), flush=True)
with socket.create_server(("", 7)) as listener:
    sock, _ = listener.accept()
    while data := sock.recv(100):
        sock.sendall(data)
    sock, _ = listener.accept()
    while sock.recv(65536):
        pass
"""
_CLIENT = """
import os, socket, time
while True:
    try:
        sock = socket.create_connection(("www", 7))
        break
    except ConnectionRefusedError:  # it counts its system calls still
        time.sleep(0.1)
sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
echoes = 2000
begin = os.times().elapsed
for _ in range(echoes):
    sock.sendall(b"x")
    sock.recv(100)
print("echoes", echoes / (os.times().elapsed - begin), flush=True)
sock.close()
sock = socket.create_connection(("www", 7))
count, data = 600, bytes(65536)
begin = os.times().elapsed
for _ in range(count):
    sock.sendall(data)
print("stream", 8e-6 * count * len(data) / (os.times().elapsed - begin), flush=True)
"""
_UNITS = {"system calls": "calls/s", "echoes": "echoes/s", "stream": "Mbit/s"}


def run(clock: str) -> dict[str, float]:
    """Every figure once: real seconds are counted, on wires without delay."""
    with tempfile.TemporaryDirectory() as folder:
        server, client = Path(folder) / "server.py", Path(folder) / "client.py"
        server.write_text(_SERVER)
        client.write_text(_CLIENT)
        line = f"bus lan delay 0ms; bus wan delay 0ms; www python {server} & python {client}"
        words = [sys.executable, "-m", "netsh", "--clock", clock, "-c", line]
        said = subprocess.run(words, check=True, capture_output=True, text=True, timeout=300).stdout
    return {name: float(value) for name, _, value in (text.rpartition(" ") for text in said.splitlines())}


def main() -> None:
    """Print what was measured, in fast and in real time."""
    options = arguments(__doc__ or "", repeat=3)
    before = calibrate()
    figures = []
    for clock in ("fast", "real"):
        runs = [run(clock) for _ in range(options.repeat)]
        for name, unit in _UNITS.items():
            values = [each[name] for each in runs]
            figures.append(Figure(f"{name}, {clock}", statistics.median(values), min(values), max(values), unit))
    report("programs on hosts of a lab", figures, min(before, calibrate()))


if __name__ == "__main__":
    main()
