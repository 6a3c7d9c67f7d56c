"""Programs at the prompt, in a real terminal: jobs that print, keys for a program, Ctrl-C."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

from tests.netsh_terminal.terminal import Terminal


def test_a_program_is_a_job_or_has_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "greet.py").write_text(
        dedent("""
            import socket
            with socket.create_server(("", 7)) as listener:
                print("listening")
                while True:
                    sock, _ = listener.accept()
                    with sock:
                        print("greeting", sock.recv(100).decode())
                        sock.sendall(b"good day")
        """)
    )
    (tmp_path / "ask.py").write_text(
        dedent("""
            import socket, time
            name = input("name? ")
            with socket.create_connection(("www", 7)) as sock:
                sock.sendall(name.encode())
                print(sock.recv(100).decode(), name)
            time.sleep(1000)
        """)
    )
    with Terminal(tmp_path) as terminal:
        terminal.until_prompt()
        terminal.type(f"www python {tmp_path}/greet.py &\r")
        terminal.until_text("listening")
        terminal.type(f"python {tmp_path}/ask.py\r")
        terminal.until_text("name?")
        terminal.type("Ann\r")
        terminal.until_text("greeting Ann")
        terminal.until_text("good day Ann")
        terminal.type("\x03")
        terminal.until_text("KeyboardInterrupt")
        terminal.until_prompt()
        terminal.type("python -c 'exit(3)' || echo failed\r")
        terminal.until_text("failed")
        terminal.type("kill %1\r")
        terminal.until_text("Terminated")
        terminal.type("exit\r")
        assert terminal.until_exit() == 0
