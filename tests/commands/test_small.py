"""sysctl, hostname, ps and kill: what their sessions do not show."""

from __future__ import annotations

import pytest

from stack.kern.proc import SIGINT, SIGKILL, SIGTERM
from stack.lab import Lab
from tests.commands.labs import neighbors
from tests.commands.runner import Job, finish, run, start


@pytest.fixture
def lab() -> Lab:
    """A host `me` that runs a ping, and `gw`, which runs one too; nobody answers either."""
    return neighbors()


def ping(lab: Lab, host: str = "me") -> Job:
    job = start(lab, host, "ping -n 10.0.0.99")
    lab.run(lab.callouts.now + 2.5)
    return job


BAD = [
    ("sysctl", 2, "a name is missing"),
    ("sysctl -a kern", 2, "kern: -a takes no names"),
    ("sysctl -w kern.hostname", 2, "-w sets one: kern.hostname=value"),
    ("sysctl kern.hostname=x", 2, "must specify -w"),
    ("sysctl -x", 2, "unknown option -- x"),
    ("sysctl nonsense", 1, "top level name 'nonsense' in 'nonsense' is invalid"),
    ("sysctl .", 1, "is invalid"),
    ("sysctl -w net.inet.ip.ttl=", 1, "net.inet.ip.ttl: Invalid argument"),
    ("sysctl -w kern.osrelease=9", 1, "kern.osrelease: Operation not permitted"),
    ("hostname a b", 2, "b: one word too many"),
    ("hostname -x", 2, "unknown option -- x"),
    ("hostname a/b", 2, "a/b: a name has letters"),
    ("ps me", 2, "me: no words are wanted"),
    ("ps -x", 2, "unknown option -- x"),
    ("kill", 2, "the number of a process is missing"),
    ("kill -9", 2, "the number of a process is missing"),
    ("kill -s", 2, "option requires an argument -- s"),
    ("kill -FOO 1", 2, "FOO: unknown signal"),
    ("kill -s FOO 1", 2, "FOO: unknown signal"),
    ("kill one", 2, "one: not the number of a process"),
    ("kill %3", 2, "%3: no such job"),
    ("kill 999", 1, "999: No such process"),
]


@pytest.mark.parametrize(("line", "status", "text"), BAD, ids=[line for line, _, _ in BAD])
def test_bad_words_get_one_line(lab: Lab, line: str, status: int, text: str) -> None:
    answer = run(lab, "me", line)
    assert (answer.status, answer.lines) == (status, [])
    assert len(answer.errors) == 1 and answer.errors[0].startswith(line.split()[0] + ": ")
    assert text in answer.errors[0]


def test_all_knobs(lab: Lab) -> None:
    lines = run(lab, "me", "sysctl -a").lines
    assert lines[0] == "kern.ostype = netsh" and "net.inet.ip.ttl = 64" in lines
    assert len(lines) == len(list(lab["me"].sysctl.walk()))
    assert len(run(lab, "me", "sysctl -d -a").lines) == len(lines)
    assert run(lab, "me", "sysctl net.inet.ip.").lines == run(lab, "me", "sysctl net.inet.ip").lines


# all that NetBSD 7 lists, in its order
NETBSD_TCP = (
    "rfc1323 sendspace recvspace mssdflt syn_cache_limit syn_bucket_limit init_win mss_ifmtu sack.enable sack.maxholes "
    "sack.globalmaxholes sack.globalholes win_scale timestamps compat_42 cwm cwm_burstsize ack_on_push keepidle "
    "keepintvl keepcnt slowhz log_refused rstppslimit delack_ticks init_win_local do_loopback_cksum msl minmss "
    "congctl.available congctl.selected keepinit recvbuf_auto recvbuf_inc recvbuf_max sendbuf_auto sendbuf_inc "
    "sendbuf_max ecn.enable ecn.maxretries local_by_rtt iss_hash abc.enable abc.aggressive mslt.enable mslt.loopback "
    "mslt.local mslt.remote mslt.remote_threshold vtw.enable vtw.entries"
)


def test_knobs_of_tcp_stand_as_in_netbsd(lab: Lab) -> None:
    lines = [line.split(" = ") for line in run(lab, "me", "sysctl net.inet.tcp").lines]
    ours = {name.removeprefix("net.inet.tcp."): value for name, value in lines}
    theirs = NETBSD_TCP.split()
    assert [name for name in ours if name in theirs] == [name for name in theirs if name in ours]
    assert len(ours.keys() & set(theirs)) >= 28
    same = {
        "rfc1323": "1", "mssdflt": "536", "sack.enable": "1", "keepidle": "14400", "slowhz": "2", "minmss": "216",
        "congctl.available": "reno newreno cubic", "congctl.selected": "newreno", "recvbuf_max": "262144",
        "abc.aggressive": "1",
    }  # fmt: skip
    assert {name: ours[name] for name in same} == same


def test_a_knob_changes_what_the_host_does(lab: Lab) -> None:
    run(lab, "me", "sysctl -w net.inet.ip.ttl=7")
    assert lab["me"].ip.default_ttl == 7 and lab["gw"].ip.default_ttl == 64


def test_processes_of_a_host_and_of_all(lab: Lab) -> None:
    mine, others = ping(lab), ping(lab, "gw")
    (row,) = run(lab, "me", "ps").rows[1:]
    assert (row.pid, row.host, row.state, row.command) == (mine.proc.pid, "me", "S", "ping -n 10.0.0.99")
    assert row.time == pytest.approx(5.0)
    answer = run(lab, "me", "ps -a")
    assert [row.pid for row in answer.rows[1:]] == [mine.proc.pid, others.proc.pid]
    assert answer.lines[0] == "  PID HOST         STAT WCHAN           TIME COMMAND"
    assert answer.lines[1].endswith("   0:05.00 ping -n 10.0.0.99")


@pytest.mark.parametrize(
    ("words", "signal", "statistics"),
    [
        ("", SIGTERM, None), ("-TERM", SIGTERM, None), ("-15", SIGTERM, None), ("-s term", SIGTERM, None),
        ("-INT", SIGINT, True), ("-SIGINT", SIGINT, True), ("-s INT", SIGINT, True), ("-2", SIGINT, True),
        ("-KILL", SIGKILL, False), ("-9", SIGKILL, False), ("--", SIGTERM, None),
    ],
)  # fmt: skip
def test_signals(lab: Lab, words: str, signal: int, statistics: bool | None) -> None:
    job = ping(lab)
    assert run(lab, "gw", f"kill {words} {job.proc.pid}").both == ""
    answer = finish(lab, job)
    assert job.proc.pid not in lab.procs
    if statistics is not None:
        assert ("PING Statistics" in answer.text) == statistics
    if statistics is not True:
        assert answer.status == 128 + signal


def test_those_that_are_gone_do_not_save_the_others(lab: Lab) -> None:
    job = ping(lab)
    answer = run(lab, "me", f"kill 998 {job.proc.pid} 999")
    assert answer.errors == ["kill: 998: No such process", "kill: 999: No such process"]
    assert answer.status == 1
    finish(lab, job)


def test_the_signals(lab: Lab) -> None:
    assert run(lab, "me", "kill -l").lines == ["HUP INT KILL TERM STOP CONT"]
