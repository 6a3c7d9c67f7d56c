"""The web over TLS inside a lab: certificates that are good, bad and odd, and peers that are no TLS at all."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from commands._tls import Tls, server_context
from stack.kern.proc import Proc, pause
from stack.kern.socket import SO_LINGER, SOCK_STREAM, SOL_SOCKET
from stack.kern.syscalls import accept, connect, recv
from stack.lab import Lab
from stack.net.wire import Personality
from tests.commands.certificates import Authority, Certificate
from tests.commands.labs import Talk, bus, client, end, pair
from tests.commands.runner import Answer, run, start

BIG = bytes(range(256)) * 8000  # 2 MB
OLD = b"HTTP/1.0 200 OK\r\n\r\n0123"
TEN = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca") / "good")


@pytest.fixture(scope="module")
def good(authority: Authority) -> Certificate:
    return authority.issue("b", "10.0.0.2")


@pytest.fixture
def lab() -> Iterator[Lab]:
    lab = pair()
    yield lab
    end(lab)
    assert not any(proc.failure for proc in lab.procs.values())


@pytest.fixture
def site(tmp_path: Path) -> Path:
    site = tmp_path / "site"
    site.mkdir()
    (site / "ten").write_bytes(b"0123456789")
    (site / "big").write_bytes(BIG)
    return site


def fetch(lab: Lab, words: str, authority: Authority) -> Answer:
    return run(lab, "a", f"fetch --ca-cert={authority.ca} {words}")


def tls_server(lab: Lab, certificate: Certificate, *pieces: bytes | float, goodbye: bool, reset: bool = False) -> Talk:
    """Answer one request on port 443 of `b` with pieces, whatever they are, and close."""
    talk, context = Talk(), server_context(str(certificate.cert), str(certificate.key))

    async def body(proc: Proc) -> None:
        listener = lab["b"].socket(SOCK_STREAM)
        proc.closers.append(listener.close)
        listener.bind((0, 443))
        listener.listen()
        so, _ = await accept(listener)
        tls = Tls(so, context, server_side=True)
        await tls.handshake()
        talk.got = await tls.recv(65536)
        for piece in pieces:
            if isinstance(piece, bytes):
                await tls.sendall(piece)
            else:
                await pause(piece)
        if goodbye:
            tls.finish()
        if reset:
            so.setsockopt(SOL_SOCKET, SO_LINGER, 0)
        so.close()

    return talk.begin(lab, "b", body)


# --- pages -------------------------------------------------------------------------------------------


def test_a_page(lab: Lab, site: Path, authority: Authority, good: Certificate) -> None:
    job = start(lab, "b", f"httpd -v {good.option} {site}")
    for url in ("https://b/ten", "https://10.0.0.2/ten", "https://b:443/ten"):
        answer = fetch(lab, url, authority)
        assert (answer.out, answer.err, answer.status) == (b"0123456789", "", 0)
    assert job.answer.lines == ["GET /ten 200 10"] * 3 and job.answer.err == ""


def test_both_in_one_file_and_a_port(lab: Lab, tmp_path: Path, authority: Authority, good: Certificate) -> None:
    both = tmp_path / "both.pem"
    both.write_bytes(good.key.read_bytes() + good.cert.read_bytes())
    start(lab, "b", f"httpd -p 8443 -Z {both} {both}")
    assert "Hello from b" in fetch(lab, "https://b:8443/", authority).text


def test_a_lot_over_a_bad_wire(lab: Lab, site: Path, authority: Authority, good: Certificate, tmp_path: Path) -> None:
    bus(lab).set(Personality(delay=0.005, loss=0.02, duplicate=0.02, reorder=0.05))
    start(lab, "b", f"httpd {good.option} {site}")
    answer = fetch(lab, f"-o {tmp_path}/got https://b/big", authority)
    assert (answer.both, answer.status) == ("", 0)
    assert (tmp_path / "got").read_bytes() == BIG


def test_nothing_of_it_can_be_read_on_the_wire(lab: Lab, site: Path, authority: Authority, good: Certificate) -> None:
    seen: list[bytes] = []
    lab.probes.send += (lambda _host, protocol, m: seen.append(m.payload()) if protocol == "ip" else None,)
    start(lab, "b", f"httpd {good.option} {site}")
    assert fetch(lab, "https://b/ten", authority).out == b"0123456789"
    assert len(seen) > 5 and not any(b"0123456789" in data or b"HTTP/1.1" in data for data in seen)


def test_from_http_to_https_and_back(lab: Lab, authority: Authority, good: Certificate, site: Path) -> None:
    moved = b"HTTP/1.1 302 Found\r\nLocation: http://b:8080/ten\r\nContent-Length: 0\r\n\r\n"
    tls_server(lab, good, moved, goodbye=True)
    start(lab, "b", f"httpd -p 8080 {site}")
    (site / "sub").mkdir()
    answer = fetch(lab, "-v https://b/", authority)
    assert answer.status == 0 and answer.out.endswith(b"0123456789")
    assert [line for line in answer.lines if line.startswith("> Host")] == ["> Host: b", "> Host: b:8080"]


def test_broken_off_and_gone_on_with(lab: Lab, site: Path, authority: Authority, good: Certificate) -> None:
    bus(lab).set(Personality(rate=8e6))
    start(lab, "b", f"httpd {good.option} {site}")
    words = f"fetch -c --ca-cert={authority.ca} -o {site}/got https://b/big"
    assert run(lab, "a", words, interrupt=1.0).status == 130
    assert 0 < (site / "got.part").stat().st_size < len(BIG)
    assert run(lab, "a", words).status == 0
    assert (site / "got").read_bytes() == BIG


# --- certificates ------------------------------------------------------------------------------------


def test_a_certificate_by_nobody_we_know(lab: Lab, tmp_path: Path, good: Certificate) -> None:
    job = start(lab, "b", f"httpd -v {good.option}")
    other = Authority(tmp_path / "other")
    answer = fetch(lab, "https://b/", other)
    assert answer.status == 1 and len(answer.errors) == 1 and answer.text == ""
    assert answer.errors[0].startswith("fetch: https://b/: the certificate is not to be trusted: ")
    assert answer.errors[0].endswith(" (--ca-cert=FILE says whom to trust)")
    lab.run(lab.callouts.now + 1)
    assert job.answer.errors == ["httpd: 10.0.0.1: TLS: the peer refuses: unknown ca"]
    assert run(lab, "a", "fetch https://b/").status == 1
    assert run(lab, "a", "fetch --no-verify-peer https://b/").status == 0


def test_a_certificate_of_another_name(lab: Lab, authority: Authority) -> None:
    start(lab, "b", f"httpd {authority.issue('elsewhere.example').option}")
    answer = fetch(lab, "https://b/", authority)
    assert answer.errors == [
        "fetch: https://b/: the certificate is not to be trusted: "
        "Hostname mismatch, certificate is not valid for 'b'"
    ]  # fmt: skip
    assert fetch(lab, "https://10.0.0.2/", authority).status == 1
    assert fetch(lab, "--no-verify-hostname https://b/", authority).status == 0
    assert run(lab, "a", "fetch --no-verify-hostname https://b/").status == 1
    assert run(lab, "a", "fetch --no-verify-peer https://b/").status == 0


def test_a_certificate_that_has_expired(lab: Lab, authority: Authority) -> None:
    start(lab, "b", f"httpd {authority.issue('b', expired=True).option}")
    answer = fetch(lab, "https://b/", authority)
    assert answer.errors == ["fetch: https://b/: the certificate is not to be trusted: certificate has expired"]
    assert fetch(lab, "--no-verify-hostname https://b/", authority).status == 1


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (None, "No such file or directory"),
        ("", "there is no certificate in it"),
        ("nonsense", "there is no certificate in it"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", ""),
    ],
)
def test_authorities_that_are_none(lab: Lab, tmp_path: Path, text: str | None, error: str) -> None:
    path = tmp_path / "ca.pem"
    if text is not None:
        path.write_text(text)
    answer = run(lab, "a", f"fetch --ca-cert {path} https://b/")
    assert answer.status == 1 and len(answer.errors) == 1
    assert answer.errors[0].startswith(f"fetch: --ca-cert={path}: {error}")


def test_names_that_no_certificate_can_have(lab: Lab) -> None:
    for name in ("b\0c", ".b", "b..c", "b" * 70, "\u00e9" * 70, "-", "b_"):
        answer = run(lab, "a", ["fetch", f"https://{name}/"])
        assert answer.status == 1 and len(answer.errors) == 1


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("{good.cert}", "-Z: the file of the key is missing"),
        ("{good.cert} nowhere", "-Z {good.cert} nowhere: No such file or directory"),
        ("nowhere {good.key}", "-Z nowhere {good.key}: No such file or directory"),
        ("{good.key} {good.key}", "-Z {good.key} {good.key}: "),
        ("{good.cert} {good.cert}", "-Z {good.cert} {good.cert}: it is not a certificate and its key, in PEM"),
        ("{good.cert} {other.key}", "-Z {good.cert} {other.key}: the key is not that of the certificate"),
    ],
)
def test_servers_without_a_good_certificate(
    lab: Lab, authority: Authority, good: Certificate, words: str, error: str
) -> None:
    other = authority.issue("other")
    answer = run(lab, "b", "httpd -Z " + words.format(good=good, other=other))
    assert answer.status == (2 if "missing" in error else 1) and len(answer.errors) == 1
    assert answer.errors[0].startswith("httpd: " + error.format(good=good, other=other))


def test_a_key_with_a_password_asks_nobody(lab: Lab, authority: Authority, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization as form

    made = authority.issue("b")
    key = form.load_pem_private_key(made.key.read_bytes(), None)
    locked = tmp_path / "locked.key"
    secret = form.BestAvailableEncryption(b"secret")
    locked.write_bytes(key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, secret))
    answer = run(lab, "b", f"httpd -Z {made.cert} {locked}")
    assert answer.errors == [f"httpd: -Z {made.cert} {locked}: the key is locked with a password"]


# --- peers of no manners -----------------------------------------------------------------------------


def test_plain_and_secret_by_mistake(lab: Lab, good: Certificate, authority: Authority) -> None:
    job = start(lab, "b", f"httpd -v {good.option}")
    start(lab, "b", "httpd")
    assert fetch(lab, "https://b:80/", authority).errors == ["fetch: https://b:80/: TLS: what came is not TLS"]
    answer = run(lab, "a", "fetch http://b:443/")
    assert answer.errors == [
        "fetch: http://b:443/: Connection closed without an answer (https:// is what port 443 is for)"
    ]  # fmt: skip
    assert job.answer.errors == ["httpd: 10.0.0.1: TLS: what came is plain HTTP, not TLS"]


@pytest.mark.parametrize(
    ("pieces", "goodbye", "reset", "error", "printed"),
    [
        ([TEN + b"0123"], True, False, "Connection closed, got 4 of 10 bytes", b"0123"),
        ([TEN + b"0123"], False, False, "Connection closed without TLS's goodbye, got 4 of 10 bytes", b"0123"),
        ([TEN + b"0123", 1.0], False, True, "Connection reset by peer, got 4 of 10 bytes", b"0123"),
        ([TEN + b"0123", 99.0], True, False, "Operation timed out, got 4 of 10 bytes", b"0123"),
        ([OLD], True, False, None, b"0123"),
        # without a length only the goodbye says that it is whole: anybody can send a FIN
        ([OLD], False, False, "Connection closed without TLS's goodbye, got 4 bytes", b"0123"),
        ([TEN + b"0123456789"], False, False, None, b"0123456789"),
        ([], True, False, "Connection closed without an answer", b""),
    ],
)  # fmt: skip
def test_ends(
    lab: Lab, good: Certificate, authority: Authority, pieces: list[bytes | float], goodbye: bool, reset: bool,
    error: str | None, printed: bytes,
) -> None:  # fmt: skip
    tls_server(lab, good, *pieces, goodbye=goodbye, reset=reset)
    answer = fetch(lab, "https://b/", authority)
    assert answer.out == printed and answer.errors == ([f"fetch: https://b/: {error}"] if error else [])


def test_a_server_that_says_nothing(lab: Lab, authority: Authority) -> None:
    so = lab["b"].socket(SOCK_STREAM)
    so.bind((0, 443))
    so.listen()
    answer = fetch(lab, "-T 5 https://b/", authority)
    assert answer.errors == ["fetch: https://b/: Operation timed out"]
    assert lab.callouts.now == pytest.approx(5.0, abs=0.1)
    so.close()


@pytest.mark.parametrize(
    "words",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 600,
        b"\x15\x03\x01\x00\x02\x02\x28",
        b"\xff" * 100_000,
        b"",
    ],
)
def test_clients_of_no_manners(lab: Lab, good: Certificate, authority: Authority, words: bytes) -> None:
    start(lab, "b", f"httpd {good.option}")
    talk = client(lab, "a", "b", 443, words, 50.0)
    lab.run(60)
    assert talk.ended is not None
    assert len(lab.procs) == 1 and fetch(lab, "https://b/", authority).status == 0


def test_clients_that_drip_are_given_up(lab: Lab, good: Certificate) -> None:
    start(lab, "b", f"httpd {good.option}")
    drip: list[bytes | float] = [b"\x16\x03\x01\x02\x00"]
    for _ in range(20):
        drip += [b"\1", 9.0]
    talk = client(lab, "a", "b", 443, *drip)
    lab.run(31)
    assert [proc.argv[0] for proc in lab.procs.values()] == ["httpd", "talk"]
    lab.run(300)
    assert talk.ended is not None


def test_an_interrupt_while_it_agrees(lab: Lab, authority: Authority) -> None:
    so = lab["b"].socket(SOCK_STREAM)
    so.bind((0, 443))
    so.listen()
    answer = run(lab, "a", f"fetch --ca-cert={authority.ca} https://b/", interrupt=3.0)
    assert (answer.both, answer.status) == ("", 130)
    so.close()


def test_a_server_that_hangs_up(lab: Lab, authority: Authority) -> None:
    async def body(proc: Proc) -> None:
        listener = lab["b"].socket(SOCK_STREAM)
        proc.closers.append(listener.close)
        listener.bind((0, 443))
        listener.listen()
        so, _ = await accept(listener)
        await recv(so, 65536)
        so.close()

    Talk().begin(lab, "b", body)
    answer = fetch(lab, "https://b/", authority)
    assert answer.errors == ["fetch: https://b/: Connection closed without TLS's handshake"]


def test_old_versions_are_refused(lab: Lab, good: Certificate, authority: Authority) -> None:
    start(lab, "b", f"httpd {good.option}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    failed: list[OSError] = []

    async def body(proc: Proc) -> int:
        so = lab["a"].socket(SOCK_STREAM)
        proc.closers.append(so.close)
        await connect(so, (lab.resolve("b"), 443))
        try:
            await Tls(so, context).handshake()
        except OSError as error:
            failed.append(error)
        return 0

    lab.run_proc(lab.spawn(lab["a"], ["old"], body))
    assert len(failed) == 1 and "refuses: protocol version" in str(failed[0])
