"""The line at the prompt: prompt_toolkit edits it, and the lab goes on meanwhile.

prompt_toolkit runs in an asyncio loop which also moves the lab (`Clock.pump`) in slices of a few
milliseconds, so that a key never waits long.  What jobs say meanwhile is drawn above the line.
"""

from __future__ import annotations

import asyncio
import gc
import re
import select
import sys
import termios
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Sequence
from contextlib import suppress
from typing import Any, Protocol, TextIO, cast

from prompt_toolkit.application import Application
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory, ConditionalAutoSuggest
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.enums import EditingMode
from prompt_toolkit.filters import Condition, to_filter
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.input.typeahead import get_typeahead, store_typeahead
from prompt_toolkit.input.vt100_parser import Vt100Parser
from prompt_toolkit.key_binding import KeyPress, merge_key_bindings
from prompt_toolkit.layout.controls import BufferControl
from prompt_toolkit.lexers import Lexer, PygmentsLexer, SimpleLexer
from prompt_toolkit.output import create_output
from prompt_toolkit.shortcuts.prompt import CompleteStyle, PromptSession
from prompt_toolkit.styles import Style

from netsh import grammar
from netsh.prompt.complete import Candidate
from netsh.prompt.demonstrator import Demonstrator
from netsh.prompt.flood import FloodInput, together
from netsh.prompt.history import History
from netsh.prompt.keys import bindings
from netsh.prompt.questions import answer
from netsh.render.screen import Overheard, Screen, hang_up
from netsh.settings import Settings
from netsh.signals import Signals

_SLICE = 0.008  # seconds of work between two looks at the keyboard
_BATCH = 0.05  # seconds between two batches of output above the line
_BEGINS = re.compile(r"(?:^|[;&|{}])\s*$")
_MANY = 100  # keys that nobody has typed one by one
_SOON = 0.2  # seconds: whoever has not begun to type by then may be about to
_REFRESH = 1.0  # seconds between two looks at what the line at the bottom tells
_LONG = 10_000  # letters of a line that is not coloured, since it was pasted

_STYLE = Style.from_dict(
    {
        "prompt": "bold",
        "bottom-toolbar": "noreverse ansibrightblack",
        "pygments.name.function": "bold",
        "pygments.name.namespace": "ansigreen",
        "pygments.name.variable": "ansimagenta",
        "pygments.keyword": "bold",
        "pygments.number.float": "ansicyan",
        "pygments.number.hex": "ansimagenta",
        "pygments.comment": "ansibrightblack",
        "pygments.error": "ansired",
        "auto-suggestion": "ansibrightblack",
    }
)


class Behind(Protocol):
    """What stands behind a prompt: a session, here or in a served lab."""

    signals: Signals

    @property
    def over(self) -> bool:
        """Whether there is nothing to type for any more."""

    def host(self) -> str:
        """Where the prompt is."""

    def settings(self) -> Settings:
        """The user's options."""

    def demo(self) -> deque[str]:
        """Lines that are typed for an audience."""

    def drawn(self, data: bytes) -> None:
        """The editor has drawn."""

    def hosts(self) -> Collection[str]:
        """The names of all hosts."""

    def toolbar(self) -> list[str]:
        """What there is to know, below the line."""

    def candidates(self, line: str) -> Iterable[Candidate]:
        """What may be typed at the end of a line, best first."""

    def ask(self, line: str, answer: Callable[[list[Candidate]], None]) -> None:
        """Ask what may be typed there; the answer comes when it is known."""

    def wrong(self, text: str) -> Sequence[tuple[int, int]]:
        """The words of a text that cannot be right, as far as they are known."""

    @property
    def known(self) -> int:
        """Another number when more is known of what is typed."""

    def pump(self, budget: int) -> float | None:
        """Let the lab go on, so many pieces of work; the seconds until there is more to do, None for never."""

    def descriptors(self) -> dict[int, int]:
        """What is waited for: descriptors, and poll(2)'s events of each."""

    def servants(self, descriptor: int) -> object:
        """Who waits for one."""

    def defect(self, name: str, failure: BaseException) -> None:
        """Something went wrong that is no fault of what was typed."""


class Editor:
    """Reads lines at a prompt."""

    def __init__(self, behind: Behind, screen: Screen, terminal: TextIO) -> None:
        self.behind = behind
        self.screen = screen
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(self._failed)
        self.slice = 256  # pieces of work that take so long, about
        self.watched: dict[int, object] = {}  # descriptors of the lab's that the loop looks at: for what, for whom
        self.timer: asyncio.TimerHandle | None = None
        self.batch: asyncio.TimerHandle | None = None
        self.lexer: Lexer | None = None
        self.is_prepared = False  # what the first keys need is there, or soon will be
        self.coloured = behind.known  # what was known when the line was drawn
        self.told = float("-inf")  # when something that was pasted was too long
        self.ending: int | None = None  # a signal that ends the program
        self.begun = ""  # a line that was being typed when one of those came
        self.completer = _Completer(self)
        self.prompt: PromptSession[str] = PromptSession(
            self._message,
            completer=self.completer,
            complete_while_typing=Condition(lambda: bool(behind.settings()["menu"])),
            complete_style=CompleteStyle.COLUMN,
            history=History(self.tell, int(behind.settings()["history"])),
            auto_suggest=ConditionalAutoSuggest(AutoSuggestFromHistory(), Condition(self._suggests)),
            enable_open_in_editor=True,
            tempfile_suffix=".netsh",
            multiline=Condition(self._unfinished),
            prompt_continuation=lambda width, _number, wrapped: "" if wrapped else "> ".rjust(width),
            bottom_toolbar=self._toolbar,
            style=_STYLE,
            include_default_pygments_style=False,
            input=FloodInput(sys.stdin),
            output=create_output(cast(TextIO, Overheard(terminal, behind.drawn))),
            reserve_space_for_menu=6,
            refresh_interval=_REFRESH,
        )
        self.prompt.default_buffer.enable_history_search = to_filter(True)  # given above, it ends completion
        self.app.max_render_postpone_time = None  # a busy lab always has something to do first
        for control in self.app.layout.find_all_controls():
            if isinstance(control, BufferControl) and control.buffer is self.prompt.default_buffer:
                control.lexer = _Colours(self)  # given above, it would not be asked whether it has changed

    @property
    def app(self) -> Application[str]:
        """prompt_toolkit's application."""
        return self.prompt.app

    def read_line(self) -> str | None:
        """What to run next; None for Ctrl-C, and `exit` for Ctrl-D on an empty line."""
        try:
            return self.read()
        except KeyboardInterrupt:
            return None
        except EOFError:
            return "exit"

    def read(self) -> str:
        """One line, or several when the first leaves something open.

        EOFError for Ctrl-D on an empty one, KeyboardInterrupt for Ctrl-C.
        """
        self.screen.to_margin()
        self.screen.editor = self._above
        self._heed(self.behind.settings())
        begun, self.begun = self.begun, ""
        prompting = self.prompt.prompt_async(
            pre_run=self._begin, handle_sigint=False, set_exception_handler=False, default=begun
        )
        reading = self.loop.create_task(prompting)
        self.loop.call_soon(self._pump)
        self.behind.signals.leave = self._end
        try:
            return self.loop.run_until_complete(reading)
        except OSError:
            hang_up()
            raise EOFError from None
        finally:
            self.behind.signals.leave = None
            self._rest(reading)
            self.screen.editor = None
            self.screen.at_margin = True
            if self.ending is not None:
                raise SystemExit(128 + self.ending)

    def _failed(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Something failed that nobody waits for: mostly the terminal, when there is none any more."""
        error = context.get("exception")
        if isinstance(error, OSError | termios.error):
            hang_up()
        elif error is not None:
            self.behind.defect("netsh", error)

    def _suggests(self) -> bool:
        return bool(self.behind.settings()["suggest"])

    def _heed(self, settings: Settings) -> None:
        """Edit as the user wants it now."""
        self.prompt.editing_mode = EditingMode.VI if settings["edit"] == "vi" else EditingMode.EMACS
        own = bindings(self, settings.keys)
        self.prompt.key_bindings = merge_key_bindings([own, Demonstrator(self.behind.demo).bindings()])

    def _end(self, number: int) -> None:
        """A signal ends the program: not at once, which may be in the midst of a packet, but soon."""
        self.ending = number
        self.loop.call_soon_threadsafe(self._leave)

    def _leave(self) -> None:
        """No more is to be typed here."""
        if self.app.future is not None and not self.app.future.done():
            self.app.exit(exception=EOFError())

    def _begin(self) -> None:
        """Hand on keys that were typed ahead only when the history is there, for one may ask for it."""
        if not self.is_prepared:
            self.is_prepared = True
            self.loop.call_later(_SOON, self._prepare)
        keys = get_typeahead(self.app.input)
        self.prompt.default_buffer.load_history_if_not_yet_loaded()
        self.loop.call_soon(self._press, keys)

    def _prepare(self) -> None:
        """Have what the first key needs, and look no more through all that stays for garbage: that takes 30 ms."""
        self.lexer_of(" ")
        gc.freeze()

    def _press(self, keys: list[KeyPress]) -> None:
        self.app.key_processor.feed_multiple(keys)
        self.app.key_processor.process_keys()

    def close(self) -> None:
        """No more lines will be read."""
        self.loop.close()

    def _rest(self, reading: asyncio.Task[str]) -> None:
        """Leave the terminal as it was found, and the lab's descriptors alone, whatever ended the line."""
        if not reading.done():
            reading.cancel()
            with suppress(asyncio.CancelledError, OSError):  # the terminal may be gone
                self.loop.run_until_complete(reading)
        for timer in (self.timer, self.batch):
            if timer is not None:
                timer.cancel()
        self.timer = self.batch = None
        self._watch({})

    def typed_ahead(self) -> bytes:
        """What was typed behind the line, as a command would read it; it is the command's from now on."""
        text = "".join(key.data for key in get_typeahead(self.app.input))
        return text.replace("\r", "\n").encode(errors="surrogateescape")  # bytes that were no text are themselves

    def type_ahead(self, data: bytes) -> None:
        """Put back what a command left."""
        keys: list[KeyPress] = []
        Vt100Parser(keys.append).feed(data.decode(errors="surrogateescape").replace("\n", "\r"))
        store_typeahead(self.app.input, together(keys) if len(keys) > _MANY else keys)

    # -- the lab, while a line is edited --------------------------------------------------------------

    def _pump(self) -> None:
        """Let the lab do what is due, and come again when more is; what was typed is shown before."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        if self.app.invalidated:
            self.timer = self.loop.call_later(0, self._pump)
            return
        began = time.monotonic()
        wait: float | None = 0.0
        try:
            wait = self.behind.pump(self.slice)
        except Exception as defect:  # it ends what it happened in, never the line that is typed
            self.behind.defect("netsh", defect)
        if time.monotonic() - began > _SLICE:
            self.slice = max(self.slice // 2, 16)
        elif wait == 0.0:
            self.slice = min(self.slice * 2, 4096)
        if not self._watch(self.behind.descriptors()):
            wait = 0.0
        if self.coloured != self.behind.known:
            self.app.invalidate()
        if self.screen.pieces and self.batch is None:
            self.batch = self.loop.call_later(_BATCH, self._show)
        if self.behind.over and self.app.is_running:
            self._leave()
        elif wait is not None:
            self.timer = self.loop.call_later(wait, self._pump)

    def _watch(self, wanted: dict[int, int]) -> bool:
        """Come at once when a descriptor of a device or of a program is ready; False when one is now."""
        servants = self.behind.servants
        now: dict[int, object] = {descriptor: (events, servants(descriptor)) for descriptor, events in wanted.items()}
        for descriptor in [descriptor for descriptor, before in self.watched.items() if now.get(descriptor) != before]:
            del self.watched[descriptor]
            with suppress(OSError):  # it was closed, and is another's now perhaps: the loop's selector does not know
                self.loop.remove_reader(descriptor)
            self.loop.remove_writer(descriptor)
        for descriptor in now.keys() - self.watched.keys():
            try:
                if wanted[descriptor] & select.POLLIN:
                    self.loop.add_reader(descriptor, self._pump)
                if wanted[descriptor] & select.POLLOUT:
                    self.loop.add_writer(descriptor, self._pump)
            except PermissionError:  # epoll(7) takes no file on a disk, since that is always ready
                del now[descriptor]
        self.watched = now
        return now.keys() == wanted.keys()

    def _show(self) -> None:
        self.batch = None
        if self.app._running_in_terminal:  # an editor has it
            self.batch = self.loop.call_later(_BATCH, self._show)
        else:
            self.screen.show()

    def _above(self, draw: Callable[[], None]) -> None:
        """Let something be written where the line stands, and draw the line again below it."""
        if not self.app.is_running:
            return draw()
        self.app.renderer.erase(leave_alternate_screen=False)
        draw()
        self.app._request_absolute_cursor_position()
        self.app._redraw()

    # -- what prompt_toolkit asks for -----------------------------------------------------------------

    def _message(self) -> StyleAndTextTuples:
        return [("class:prompt", f"{self.behind.host()}# ")]

    def _toolbar(self) -> str:
        return "   ".join([f" {self.behind.host()}", *self.behind.toolbar()])

    def candidates(self, line: str) -> Iterable[Candidate]:
        """What may stand at the end of a line; whoever was asked may have done other things meanwhile."""
        self.loop.call_soon(self._pump)
        return self.behind.candidates(line)

    def _unfinished(self) -> bool:
        """Whether the line leaves a brace or a quote open, so that Enter goes on with the next one."""
        try:
            grammar.parse(self.prompt.default_buffer.text)
        except grammar.GrammarError as error:
            return error.incomplete
        return False

    def explain(self, before: str) -> None:
        """List what may come next."""
        self.prompt.default_buffer.cancel_completion()
        size = self.app.output.get_size()
        self.tell(answer(list(self.candidates(before)), size.columns, max(size.rows - 5, 4)).rstrip("\n"))

    def tell(self, text: str) -> None:
        """Say something above the line."""
        self.screen.text.write(f"{text}\n")
        if self.app.is_running:
            self._show()

    def lexer_of(self, text: str) -> Lexer | None:
        """The lexer, made when there is something to colour, since pygments takes its time."""
        if self.lexer is None and text:
            from netsh.prompt.lexer import NetshLexer

            lexer = PygmentsLexer(NetshLexer)
            lexer.pygments_lexer = NetshLexer(self.behind.hosts, self.behind.wrong, stripnl=False, ensurenl=False)
            self.lexer = lexer
        return self.lexer if len(text) < _LONG else None

    async def asked(self, line: str) -> list[Candidate]:
        """What may stand at the end of a line; what was typed is shown before."""
        found: asyncio.Future[list[Candidate]] = self.loop.create_future()
        await asyncio.sleep(0)
        self.loop.call_soon(self._pump)
        self.behind.ask(line, lambda all: None if found.done() else found.set_result(all))
        return await found


class _Colours(Lexer):
    """Our lexer, for prompt_toolkit: what is drawn is drawn anew when more is known of it."""

    def __init__(self, editor: Editor) -> None:
        self.editor = editor
        self.plain = SimpleLexer()

    def lex_document(self, document: Document) -> Callable[[int], StyleAndTextTuples]:
        """The styles of each line."""
        return (self.editor.lexer_of(document.text) or self.plain).lex_document(document)

    def invalidation_hash(self) -> int:
        """Another one when the same text would look otherwise."""
        self.editor.coloured = self.editor.behind.known
        return self.editor.coloured


class _Completer(Completer):
    """Our candidates, for prompt_toolkit."""

    def __init__(self, editor: Editor) -> None:
        self.editor = editor

    def get_completions(self, document: Document, event: CompleteEvent) -> Iterable[Completion]:
        """For who waits for them."""
        with suppress(Exception):  # a command that cannot be imported says so when it is run
            yield from map(_completion, self.editor.candidates(document.text_before_cursor))

    async def get_completions_async(
        self, document: Document, event: CompleteEvent
    ) -> AsyncGenerator[Completion, None]:
        """For the menu, which comes when it comes."""
        if not event.completion_requested and _BEGINS.search(document.current_line_before_cursor):
            return  # nothing of the command is there yet: a list of all of them would stand in the way
        with suppress(Exception):
            for found in await self.editor.asked(document.text_before_cursor):
                yield _completion(found)


def _completion(found: Candidate) -> Completion:
    return Completion(found.text, -found.replaced, display_meta=found.help)
