"""What a web server has to give: a folder of the real machine, or one built-in page (RFC 9110)."""

from __future__ import annotations

import errno
import io
import os
import re
import stat
from typing import NamedTuple, Protocol

from commands._coding import Deflated, Source, accepts_gzip
from commands._dates import http_date, read_http_date
from stack.addr import Ip4

REASONS = {
    200: "OK", 206: "Partial Content", 301: "Moved Permanently", 304: "Not Modified", 400: "Bad Request",
    403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout",
    414: "URI Too Long", 416: "Range Not Satisfiable", 431: "Request Header Fields Too Large",
    500: "Internal Server Error", 501: "Not Implemented", 505: "HTTP Version Not Supported",
}  # fmt: skip

TYPES = {  # by the end of the name
    "css": "text/css; charset=utf-8", "csv": "text/csv; charset=utf-8", "gif": "image/gif",
    "htm": "text/html; charset=utf-8", "html": "text/html; charset=utf-8", "ico": "image/x-icon",
    "jpeg": "image/jpeg", "jpg": "image/jpeg", "js": "text/javascript; charset=utf-8", "json": "application/json",
    "md": "text/markdown; charset=utf-8", "mp3": "audio/mpeg", "mp4": "video/mp4", "pdf": "application/pdf",
    "png": "image/png", "svg": "image/svg+xml", "txt": "text/plain; charset=utf-8", "wasm": "application/wasm",
    "webp": "image/webp", "xml": "text/xml; charset=utf-8", "zip": "application/zip", "gz": "application/gzip",
    "tar": "application/x-tar", "netsh": "text/plain; charset=utf-8", "py": "text/plain; charset=utf-8",
    "pcap": "application/vnd.tcpdump.pcap",
}  # fmt: skip

_HTML = TYPES["html"]
_TEXTS = ("text/", "application/json", "image/svg+xml", "application/wasm")  # what gzip makes smaller
_WORTH = 1400  # bytes from which on it does: what fits in a segment goes in one anyway
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.ASCII)

Headers = list[tuple[str, str]]


class Question(NamedTuple):
    """What a client wants; the names of headers are in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    client: Ip4
    server: Ip4


class Page(NamedTuple):
    """An answer: `size` bytes, or all there are when it is None, are read from `body`, which is then closed."""

    status: int
    headers: Headers
    size: int | None
    body: Source


class Site(Protocol):
    """Whoever has pages."""

    def page(self, path: str, question: Question) -> Page:
        """The page of a path that begins with a slash; OSError when it cannot be had."""


def answer(site: Site, question: Question) -> Page:
    """The answer to a question, whatever it is."""
    if question.method not in ("GET", "HEAD"):
        return problem(405, [("Allow", "GET, HEAD")])
    try:
        return site.page(path_of(question.target), question)
    except PermissionError:
        return problem(403)
    except ValueError:
        return problem(400)
    except OSError as error:
        return problem(500 if error.errno in (errno.EIO, errno.EMFILE, errno.ENFILE) else 404)


def problem(status: int, headers: Headers | None = None) -> Page:
    """A page that says what is wrong."""
    words = f"{status} {REASONS.get(status, 'Error')}"
    return text_page(f"<!doctype html>\n<title>{words}</title>\n<h1>{words}</h1>\n", status, headers)


def text_page(text: str, status: int = 200, headers: Headers | None = None) -> Page:
    """A page that is made as it is asked for."""
    data = text.encode(errors="replace")
    return Page(status, [("Content-Type", _HTML), *(headers or [])], len(data), io.BytesIO(data))


def compressed(page: Page) -> Page:
    """The page with its body compressed."""
    return page._replace(headers=[*page.headers, ("Content-Encoding", "gzip")], size=None, body=Deflated(page.body))


def path_of(target: str) -> str:
    """The path in a request's target, its escapes undone; ValueError when that makes no sense."""
    from urllib.parse import unquote

    if not target.startswith("/"):  # RFC 9112 3.2.2: the absolute form must be understood, too
        scheme, mark, rest = target.partition("://")
        if not mark or scheme.lower() not in ("http", "https"):
            raise ValueError("not a path")
        target = rest[rest.find("/") :] if "/" in rest else "/"
    path = unquote(re.split(r"[?#]", target, maxsplit=1)[0], errors="surrogateescape")
    if "\0" in path:
        raise ValueError("NUL in a path")
    return path


class Greeting:
    """The built-in page of a host that has no folder."""

    def __init__(self, hostname: str) -> None:
        self.hostname = hostname

    def page(self, path: str, question: Question) -> Page:
        """One page, under the two names it has everywhere."""
        if path not in ("/", "/index.html"):
            raise FileNotFoundError(errno.ENOENT, "no such page")
        name = escape(self.hostname)
        return text_page(
            f'<!doctype html>\n<html lang="en">\n<head><title>{name}</title></head>\n<body>\n'
            f"<h1>Hello from {name}</h1>\n"
            f"<p>This page has come from {question.server} to you at {question.client},\n"
            "over a TCP/IP stack that you can watch at work.</p>\n</body>\n</html>\n"
        )


class Folder:
    """A folder of the real machine; nothing outside it is ever shown.  OSError when it is none."""

    def __init__(self, path: str) -> None:
        if not stat.S_ISDIR(os.stat(path).st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        self.root = os.path.realpath(path)

    def page(self, path: str, question: Question) -> Page:
        """A file, a list of files, or where else to look."""
        parts = [part for part in path.split("/") if part not in ("", ".")]
        if ".." in parts:
            raise PermissionError(errno.EACCES, "a path that climbs")
        name = os.path.realpath(os.path.join(self.root, *parts))
        if name != self.root and not name.startswith(self.root.rstrip(os.sep) + os.sep):
            raise PermissionError(errno.EACCES, "a link that leads out")
        if not stat.S_ISDIR(os.stat(name).st_mode):
            if path.endswith("/"):
                raise NotADirectoryError(errno.ENOTDIR, "a file, no folder")
            return _file_page(name, question)
        if not path.endswith("/"):
            return problem(301, [("Location", "".join(f"/{_quoted(part)}" for part in parts) + "/")])
        index = os.path.join(name, "index.html")
        if os.path.lexists(index):
            return self.page(f"{path}index.html", question)
        return _listing(name, "".join(f"/{part}" for part in parts) + "/")


def _file_page(name: str, question: Question) -> Page:
    """A file, or the part of it that was asked for."""
    descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    file = open(descriptor, "rb", buffering=0)  # noqa: SIM115 - whoever sends the page closes it
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise PermissionError(errno.EACCES, "a device")
        return _part(file, name, found, question)
    except BaseException:
        file.close()
        raise


def _part(file: io.FileIO, name: str, found: os.stat_result, question: Question) -> Page:
    wanted, size = question.headers, found.st_size
    kind = content_type(name)
    varies = size >= _WORTH and kind.startswith(_TEXTS)
    small = varies and accepts_gzip(wanted.get("accept-encoding", "")) and "range" not in wanted
    # two bodies, two tags (RFC 9110 8.8.3.3)
    etag = f'"{found.st_mtime_ns:x}-{size:x}{"-gzip" if small else ""}"'
    modified = http_date(found.st_mtime)
    headers = [("Last-Modified", modified), ("ETag", etag), ("Accept-Ranges", "bytes")]
    if varies:
        headers.append(("Vary", "Accept-Encoding"))
    if is_known(wanted, etag, found.st_mtime):
        return Page(304, headers, 0, file)
    headers.insert(0, ("Content-Type", kind))
    if small:
        return compressed(Page(200, headers, size, file))
    if question.method == "GET" and wanted.get("if-range", etag) in (etag, modified):
        span = byte_range(wanted.get("range", ""), size)
        if span is not None and not span:
            file.close()
            return problem(416, [("Content-Range", f"bytes */{size}")])
        if span is not None:
            file.seek(span.start)
            headers.append(("Content-Range", f"bytes {span.start}-{span.stop - 1}/{size}"))
            return Page(206, headers, len(span), file)
    return Page(200, headers, size, file)


def is_known(wanted: dict[str, str], etag: str, modified: float) -> bool:
    """Whether the client has it already (RFC 9110 13.1.2, 13.1.3); a tag counts more than a date."""
    if (tags := wanted.get("if-none-match")) is not None:
        return tags.strip() == "*" or etag in (tag.strip().removeprefix("W/") for tag in tags.split(","))
    since = read_http_date(wanted.get("if-modified-since", ""))
    return since is not None and int(modified) <= since


def byte_range(text: str, size: int) -> range | None:
    """The bytes a Range header asks for: an empty range is unsatisfiable, None means all (RFC 9110 14.1.2).

    Several ranges at once are not served: then the whole is.
    """
    found = _RANGE.fullmatch(text.strip())
    if found is None or found[1] == found[2] == "":
        return None
    if not found[1]:
        return range(max(size - int(found[2]), 0), size)
    first = int(found[1])
    last = min(int(found[2]), size - 1) if found[2] else size - 1
    if found[2] and int(found[2]) < first:
        return None
    return range(first, last + 1)


def _listing(folder: str, path: str) -> Page:
    """The names in a folder, as links."""
    with os.scandir(folder) as entries:
        names = sorted(f"{entry.name}/" if _is_folder(entry) else entry.name for entry in entries)
    if path != "/":
        names.insert(0, "../")
    links = "".join(f'<li><a href="./{_quoted(name)}">{escape(name)}</a></li>\n' for name in names)
    title = f"Index of {escape(path)}"
    return text_page(f"<!doctype html>\n<title>{title}</title>\n<h1>{title}</h1>\n<ul>\n{links}</ul>\n")


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads nowhere
        return False


def _quoted(name: str) -> str:
    from urllib.parse import quote

    return quote(name, errors="surrogateescape")


def escape(text: str) -> str:
    """A text within HTML; bytes that are no UTF-8 become a replacement character."""
    for char, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(char, escaped)
    return text.encode(errors="surrogateescape").decode(errors="replace")


def content_type(name: str) -> str:
    """What a file is, by its name."""
    return TYPES.get(name.rpartition(".")[2].lower(), "application/octet-stream")
