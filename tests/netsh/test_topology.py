"""Networks of routers: shapes, numbers, routes; every router reaches every address, by a shortest path to its owner."""

from __future__ import annotations

import io
from pathlib import Path

import networkx
import pytest

from netsh import saved
from netsh.builtins import _topology
from netsh.topology.chance import Random, Unconnected
from netsh.topology.network import Network, aligned, build, free_net, plen_for
from netsh.topology.shapes import Chain, Mesh, Ring, Shape, Tree
from stack.addr import Ip4, Prefix
from stack.host import Host
from stack.kern.proc import SIGINT
from stack.lab import Lab
from stack.net.route import RTF_GATEWAY, RTF_LOCAL
from tests.netsh.toys import Toys


def drawn(count: int, degree: int) -> Random:
    shape = Random(count, degree, 1)
    for _ in shape.draw():
        pass
    return shape


SHAPES = [
    Chain(2), Chain(3), Chain(17), Chain(64), Ring(3), Ring(4), Ring(11), Ring(12), Tree(1, 1), Tree(1, 6), Tree(3, 2),
    Tree(2, 3), Tree(5, 1), Mesh((1, 5)), Mesh((5, 1)), Mesh((3, 4)), Mesh((7, 7)), Mesh((2,) * 5), Mesh((3, 3, 3)),
    drawn(2, 1), drawn(12, 2), drawn(20, 3), drawn(31, 4),
]  # fmt: skip
each_shape = pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"{type(shape).__name__}-{shape.count}")


def built(shape: Shape) -> Lab:
    lab = Lab()
    net = free_net(lab, plen_for(shape, False))
    assert net is not None
    for _ in build(lab, Network(shape, net)):
        pass
    return lab


def graph_of(shape: Shape) -> networkx.Graph[int]:
    graph: networkx.Graph[int] = networkx.Graph()
    graph.add_nodes_from(range(shape.count))
    graph.add_edges_from((edge.a, edge.b) for edge in shape.edges())
    return graph


def owners_of(lab: Lab) -> dict[Ip4, Host]:
    found = ((host, ifp) for host in lab.hosts.values() for ifp in host.interfaces.values() if not ifp.is_loopback)
    return {ifa.address: host for host, ifp in found for ifa in ifp.addresses}


def walk(owners: dict[Ip4, Host], host: Host, target: Ip4) -> int:
    """How many routers send a packet on, from one of them to an address; it must arrive."""
    for steps in range(300):
        rt = host.routes.lookup(target)
        assert rt is not None, f"{host.name} knows no way to {target}"
        if rt.flags & RTF_LOCAL:
            return steps
        host = owners[rt.gateway or target]
    raise AssertionError(f"{target}: goes round and round")


@each_shape
def test_the_figures_of_a_shape_are_right(shape: Shape) -> None:
    graph = graph_of(shape)
    assert networkx.is_connected(graph)
    assert (graph.number_of_nodes(), graph.number_of_edges()) == (shape.count, shape.wires)
    assert networkx.diameter(graph) == shape.longest
    assert len({shape.position(router) for router in range(shape.count)}) == shape.count
    assert all(shape.position(router) < 1 << shape.bits for router in range(shape.count))
    assert len({shape.name(router) for router in range(shape.count)}) == shape.count


@each_shape
def test_each_step_is_one_nearer(shape: Shape) -> None:
    lengths = dict(networkx.all_pairs_shortest_path_length(graph_of(shape)))
    for router in range(shape.count):
        for target in range(shape.count):
            if router != target:
                hop = shape.next_hop(router, target)
                assert hop is not None and lengths[router][hop] == 1
                assert lengths[hop][target] == lengths[router][target] - 1


@pytest.mark.parametrize("links", [2, 6, 14, 60])
@pytest.mark.parametrize(
    "shape", [Chain(100), Ring(50), Mesh((20, 20)), Mesh((1, 60)), Mesh((6, 6, 6)), Tree(7, 2), drawn(40, 2)]
)
def test_how_many_are_near_is_about_right(shape: Shape, links: int) -> None:
    graph = graph_of(shape)
    lengths = dict(networkx.all_pairs_shortest_path_length(graph, links))
    mean = sum(map(len, lengths.values())) / shape.count
    assert mean / 3 < shape.near(links) < mean * 3


@each_shape
def test_everybody_reaches_every_address(shape: Shape) -> None:
    lab = built(shape)
    hosts = list(lab.hosts.values())
    owners = owners_of(lab)
    assert len(owners) == 2 * shape.wires
    lengths = dict(networkx.all_pairs_shortest_path_length(graph_of(shape)))
    numbers = {host.name: number for number, host in enumerate(hosts)}
    for host in hosts:
        for address, owner in owners.items():
            # the address may be of a wire that the neighbour owns: then the way may lead through that one
            assert walk(owners, host, address) <= lengths[numbers[host.name]][numbers[owner.name]] + 2


@each_shape
def test_nothing_goes_in_circles(shape: Shape) -> None:
    """An address of the network that nobody has comes to an end somewhere."""
    lab = built(shape)
    net = free_net(Lab(), plen_for(shape, False))
    assert net is not None
    owners = owners_of(lab)
    for address in {*range(net.net, net.net + 256), *range(net.broadcast - 255, net.broadcast + 1)}:
        for host in list(lab.hosts.values())[:: max(shape.count // 5, 1)]:
            for _ in range(shape.longest + 3):
                rt = host.routes.unicast(address)
                if rt is None or not rt.flags & RTF_GATEWAY:
                    break
                host = owners[Ip4(rt.nexthop)]
            else:
                pytest.fail(f"{Ip4(address)} goes round")


def test_routes_are_few() -> None:
    def most(shape: Shape) -> int:
        return max(sum(bool(rt.flags & RTF_GATEWAY) for rt in host.routes) for host in built(shape).hosts.values())

    assert most(Chain(256)) <= 9
    assert most(Tree(1, 50)) == 1
    assert most(Mesh((16, 16))) <= 8
    assert most(Ring(64)) <= 12


@pytest.mark.parametrize(("first", "past"), [(0, 1), (0, 16), (1, 16), (3, 4), (5, 11), (0, 100), (37, 64), (4, 4)])
def test_a_run_is_cut_into_aligned_pieces(first: int, past: int) -> None:
    pieces = list(aligned(first, past))
    assert [at for start, bits in pieces for at in range(start, start + (1 << bits))] == list(range(first, past))
    assert all(start % (1 << bits) == 0 for start, bits in pieces)


def test_a_free_network_is_found() -> None:
    lab = Lab()
    assert free_net(lab, 24) == Prefix.parse("10.0.0.0/24")
    a, b = lab.add_host("a"), lab.add_host("b")
    lab.link(a, b, Prefix.parse("10.0.0.0/24"))
    lab.link(a, b, Prefix.parse("10.0.2.0/24"))
    assert free_net(lab, 24) == Prefix.parse("10.0.1.0/24")
    assert free_net(lab, 23) == Prefix.parse("10.0.4.0/23")
    assert free_net(lab, 16) == Prefix.parse("10.1.0.0/16")
    assert free_net(lab, 9) == Prefix.parse("10.128.0.0/9")  # there is no other
    assert free_net(lab, 8) is None
    lab.link(a, b)  # numbered from 10.255.0.0/16
    assert free_net(lab, 9) is None


def test_chance_is_seeded() -> None:
    assert drawn(20, 3).wiring == drawn(20, 3).wiring
    other = Random(20, 3, 2)
    assert len(list(other.draw())) >= 20
    assert other.wiring != drawn(20, 3).wiring
    with pytest.raises(Unconnected):
        list(Random(40, 1, 1).draw())


# --- the commands -----------------------------------------------------------------------------------

LINES = [
    "chain 6 delay 2ms loss 1%", "ring 5", "star 5 192.168.4.0/24", "tree 2 2", "grid 3 4", "matrix 2 3", "random 8 3",
    "chain 70", "ring 4 --routed",
]  # fmt: skip


@pytest.mark.parametrize("line", LINES)
def test_the_script_builds_the_same(line: str, tmp_path: Path) -> None:
    direct, scripted = Toys(Lab()), Toys(Lab())
    assert direct.run(line) == 0, direct.err
    direct.stdout.flush()
    script = tmp_path / "script"
    assert scripted.run(f"{line} --print > {script}") == 0, scripted.err
    assert not scripted.lab.hosts
    assert scripted.run(f"source {script}") == 0, scripted.err
    assert scripted.out == ""
    assert saved.script_of(scripted) == saved.script_of(direct)


@pytest.mark.parametrize(
    ("line", "end"),
    [
        ("chain 30", "r1 ping -qc 2 r30"), ("ring 30", "r1 ping -qc 2 r16"), ("star 9", "r2 ping -qc 2 r9"),
        ("tree 3 3", "r5 ping -qc 2 r40"), ("grid 5 6", "r1_1 ping -qc 2 r5_6"), ("chain 120", "r1 ping -qc 2 r120"),
        ("random 24 3", "r1 ping -qc 2 r24"), ("matrix 3 4", "r1_1_1_1 ping -qc 2 r3_3_3_3"),
    ],
)  # fmt: skip
def test_from_corner_to_corner(line: str, end: str) -> None:
    session = Toys(Lab())
    assert session.run(f"{line} delay 1ms; {end}") == 0, session.err
    assert "2 packets received, 0.0% packet loss" in session.out


@pytest.mark.parametrize(
    ("line", "out", "ttl"),
    [
        ("chain 65", "", 64),
        ("chain 66", "net.inet.ip.ttl is 65 on all of them, for the ends are 65 links apart\n", 65),
        (
            "chain 400",
            "net.inet.ip.ttl is 255 on all of them, for the ends are 399 links apart; packets do not get that far\n",
            255,
        ),
        (
            "chain 18 --routed",
            "RIP reaches 14 links far, and the ends are 17 apart: they will not know each other\n",
            64,
        ),
    ],
)
def test_a_long_line_gets_a_ttl_that_reaches(line: str, out: str, ttl: int) -> None:
    session = Toys(Lab())
    assert session.run(line) == 0
    assert session.out == out
    assert {host.ip.default_ttl for host in session.lab.hosts.values()} == {ttl}


@pytest.mark.parametrize(
    ("line", "complaint", "status"),
    [
        ("chain", "chain: the number of routers is missing", 2),
        ("chain -3", "chain: -3: the number of routers is between 1 and 1000000", 2),
        ("chain 1", "chain: a chain has two routers at least", 2),
        ("chain ٣", "chain: ٣: the number of routers", 2),
        ("ring 2", "ring: a ring has three routers at least", 2),
        ("star 99999", "star: a star has 2 to 10001 routers", 2),
        ("tree 2", "tree: the number of branches is missing", 2),
        ("tree 40 40", "tree: 40 levels are too many", 2),
        ("tree 999 1", "tree: 999 levels are too many", 2),
        ("grid 3", "grid: the number of columns is missing", 2),
        ("grid 1 1", "grid: a grid has two routers at least", 2),
        ("matrix 2 99", "matrix: 99: there are 20 dimensions at most", 2),
        ("matrix 10 20", "matrix: 1e+20 routers: there are not so many addresses", 1),
        ("matrix 1 3", "matrix: a dimension has two routers at least", 2),
        ("random 5 3", "random: 5 routers with 3 links each would leave half a link", 2),
        ("random 4 4", "random: 4 routers have 3 links each at most", 2),
        ("random 8 1", "random: with one link each they are only pairs", 2),
        ("grid 1000 1000", "grid: 1000000 routers with 1998000 links and some 21000000 routes would take about ", 1),
        ("grid 100 100 --routed", "grid: 10000 routers with 19800 links and some 11681600 routes would take", 1),
        ("grid 1000 1000 --yes 10.0.0.0/20", "grid: 10.0.0.0/20: too small; a /9 is wanted", 1),
        ("chain 4 10.7.0.0/29", "chain: 10.7.0.0/29: too small; a /28 is wanted", 1),
        ("chain 4 10.9.0.0/16", "chain: 10.9.0.0/16: 10.9.0.1 is me's already", 1),
        ("chain 4 224.0.0.0/8", "chain: 224.0.0.0/8: not for hosts", 2),
        ("chain 4 dealy 1ms", "chain: dealy: unknown word; did you mean delay?", 2),
        ("chain 4 delay", "chain: delay: its value is missing", 2),
        ("chain 4 loss 101%", "chain: loss, duplicate, reorder", 2),
        ("chain 4 -x", "chain: -x: unknown option; there are --routed", 2),
        ('chain 4 ""', "chain: : unknown word; it is one of delay", 2),
        ("chain 4 --processes mesh", "chain: mesh: the name of a folder has a / in it, such as ./mesh", 2),
        ('chain 4 --processes ""', "chain: : not with --processes", 2),
        ("chain 4 --border virt0", "chain: --border takes an interface and its address", 2),
        ("chain 4 --border virt0 10.1.0.1", "chain: 10.1.0.1: not an address with its length", 2),
        ("chain 4 --border shmif0 10.1.0.1/24", "chain: shmif0: no interface to the outside", 1),
        ("chain 4 --border virt0 10.0.0.1/8", "chain: 10.0.0.0/8: overlaps 10.0.0.0/28", 1),
        ("chain 4 --border virt0 10.1.0.1/24 --border virt1 10.1.0.2/24", "chain: 10.1.0.0/24: overlaps", 1),
        ("host r3; host me; chain 4", "chain: there is a host r3 already", 1),
    ],
)
def test_nonsense(line: str, complaint: str, status: int) -> None:
    session = Toys(Lab())
    session.run("link me you 10.9.0.0/30; host me")
    before = saved.script_of(session)
    assert session.run(line) == status
    err = session.err
    assert err.startswith(complaint), err
    assert err.count("\n") == 1
    session.run("- host -d r3")
    assert saved.script_of(session) == before


def test_what_is_too_large_is_told_only_when_there_is_room() -> None:
    session = Toys()
    assert session.run("link a b 10.0.0.0/24; grid 1000 1000") == 1
    assert session.err.endswith("--yes goes on\n")
    assert session.run("link a b; grid 1000 1000") == 1  # that one is numbered from 10.255.0.0/16
    complaint = "grid: it needs a /9 of its own, and there is none left in 10.0.0.0/8; "
    assert session.err == f"{complaint}give it another, such as 11.0.0.0/9\n"


def test_chance_can_be_interrupted() -> None:
    session = Toys(Lab())
    proc = session.start("random 200 4")
    session.lab.callouts.advance(None, 100)
    assert proc.status is None and not session.lab.hosts
    proc.signal(SIGINT)
    assert session.finish(proc) == 130 and not session.lab.hosts


def test_interrupted_it_leaves_the_lab_as_it_was() -> None:
    session = Toys(Lab())
    session.run("link me you")
    before = saved.script_of(session)
    proc = session.start("grid 40 40")
    while len(session.lab.hosts) < 1500:
        session.lab.callouts.advance(None, 1)
    proc.signal(SIGINT)
    assert session.finish(proc) == 130
    assert saved.script_of(session) == before
    assert list(session.lab.buses) == ["me-you"]
    assert session.run("grid 2 2; r1_1 ping -qc 1 r2_2") == 0, session.err


class Terminal(io.StringIO):
    """A terminal, which keeps what is written."""

    def isatty(self) -> bool:
        return True


def watched(line: str, monkeypatch: pytest.MonkeyPatch, *, interrupted: bool = False) -> str:
    """What a terminal shows beside the rows, while a network is built that takes its time."""
    monkeypatch.setattr(_topology, "_SLOW", 0.0)
    monkeypatch.setattr(_topology, "_AGAIN", 0.0)
    session = Toys(Lab())
    session.printer.err = terminal = Terminal()
    proc = session.start(line)
    while interrupted and len(session.lab.hosts) < 300:
        session.lab.callouts.advance(None, 1)
    if interrupted:
        proc.signal(SIGINT)
    assert session.finish(proc) == (130 if interrupted else 0)
    return terminal.getvalue()


def test_a_bar_tells_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = watched("chain 400", monkeypatch).split("\r")
    shares = [int(text[:4].rstrip("%")) for text in shown if "[" in text]
    assert len(shares) == 11 and shares[0] == 8 and shares == sorted(shares)
    bars = [text for text in shown if "[" in text]
    assert bars[-1] == " 92% [####################################    ]"
    assert shown[-2:] == [" " * 48, ""]  # nothing of it is left


def test_chance_that_takes_its_time_has_a_bar_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = watched("random 100 3", monkeypatch)
    drawn, wiped, built = shown.partition(f"\r{' ' * 48}\r")
    assert drawn.startswith("\r  0% [") and drawn.endswith("100% [########################################]")
    assert wiped and "%" in built


def test_a_bar_says_that_it_is_all_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = watched("chain 400", monkeypatch, interrupted=True).split("\r")
    assert shown[-3].rstrip() == "interrupted; what there is of it is taken back"
    assert shown[-2:] == [" " * 48, ""]


def test_a_job_has_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    assert watched("chain 400 & wait", monkeypatch) == ""


def test_only_what_was_built_is_undone(tmp_path: Path) -> None:
    session = Toys(Lab())
    session.run("link me you; chain 200 & ")
    proc = session.start("grid 40 40")
    while len(session.lab.hosts) < 1200:
        session.lab.callouts.advance(None, 1)
    session.start(f"link me r1_1; link me friend; r1_2 ifconfig shmif9 create linkstr {tmp_path}/bus")
    while f"{tmp_path}/bus" not in session.lab.buses:
        session.lab.callouts.advance(None, 1)
    proc.signal(SIGINT)
    assert session.finish(proc) == 130
    assert session.run("wait; r1 ping -qc 1 r200; me ping -qc 1 friend") == 0, session.err
    assert len(session.lab.hosts) == 203 and not list(tmp_path.iterdir())
    assert len(session.lab.buses) == 1 + 199 + 2
    assert [port.name for port in session.lab.buses["me-r1_1"].ports] == ["shmif1"]


def test_a_host_that_is_removed_meanwhile() -> None:
    session = Toys(Lab())
    proc = session.start("grid 30 30")
    while len(session.lab.hosts) < 700:
        session.lab.callouts.advance(None, 1)
    session.lab.remove_host("r9_9")
    assert session.finish(proc) == 1
    assert session.err == "grid: r9_9: somebody has removed it meanwhile\n"
    assert not session.lab.hosts and not session.lab.buses


def test_the_prompt_stays_where_it_is() -> None:
    session = Toys()
    assert session.run("ring 3; say x") == 0
    assert session.out == "a: x\n"
