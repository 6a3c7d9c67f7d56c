"""What stands on the screen before anything is typed, and below the line while it is."""

from __future__ import annotations

from netsh.render.palette import NAME, paint
from netsh.render.screen import Screen


def first_prompt(host: str, screen: Screen, colour: bool) -> None:
    """The prompt at once; the editor will draw the same in its place."""
    prompt = f"{host}# "
    screen.text.write(paint(prompt, NAME) if colour else prompt)
    screen.flush()
    screen.text.write("\r")


def hint(hosts: list[str], here: str) -> str:
    """What a newcomer should know, in three lines."""
    keys = "New? tour or tutorial. Tab completes, Ctrl-C stops a command, Ctrl-D leaves.\n"
    if not hosts or not here:
        return (
            "An empty lab: 'host NAME' makes a host and goes there, 'link A B' joins two.\n"
            f"Try: host a, host b, link a b, ping a, lab, help.\n{keys}"
        )
    others = [name for name in hosts if name != here] or hosts
    known = " ".join(hosts[:6]) + (f" and {len(hosts) - 6} more" if len(hosts) > 6 else "")
    target = "www" if "www" in others else others[-1]
    return (
        f"Hosts: {known}. The prompt is on {here}; '{others[0]} route show' asks {others[0]}.\n"
        f"Try: ping {target}, traceroute {target}, ifconfig -a, fetch http://{target}/, lab, help.\n{keys}"
    )


def tell(clock: str, state: str, jobs: int) -> list[str]:
    """The clock, whether time stands still, and what runs in the background."""
    stands = [f"{state}: F7 step, F8 go"] if state else []
    return [f"clock {clock}", *stands, *([f"{jobs} job{'s' if jobs > 1 else ''}"] if jobs else [])]
