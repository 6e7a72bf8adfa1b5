"""Against a server on this machine that breaks off, lies about length and serves other files."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from penchant.errors import DataError, UsageError
from penchant.sources.download import DownloadOptions, download

BODY = b"PK" + bytes(range(256)) * 40
DIGEST = "sha256:" + hashlib.sha256(BODY).hexdigest()
QUICK = DownloadOptions(attempts=3, pause_s=0.0, timeout_s=5.0)


class Server:
    """What the next answers are: a queue of functions, the last of which stays."""

    def __init__(self, address: str) -> None:
        self.url = f"{address}/set.zip"
        self.answers: list[Callable[[Any], None]] = [send_all]
        self.ranges: list[str | None] = []


def send(handler: Any, body: bytes, *, announce: int | None = None, etag: str = '"a"', status: int = 200) -> None:
    start = 0
    span = handler.headers.get("Range")
    if span and status == 200 and handler.headers.get("If-Range", etag) == etag:
        start, status = int(span[6:-1]), 206
    handler.send_response(status)
    if status == 206:
        handler.send_header("Content-Range", f"bytes {start}-{len(BODY) - 1}/{len(BODY)}")
    handler.send_header("Content-Length", str((len(BODY) if announce is None else announce) - start))
    if etag:
        handler.send_header("ETag", etag)
    handler.end_headers()
    handler.wfile.write(body[start:])


def send_all(handler: Any) -> None:
    send(handler, BODY)


def half(handler: Any) -> None:
    send(handler, BODY[:5000], announce=len(BODY))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.ranges.append(self.headers.get("Range"))
            (state.answers.pop(0) if len(state.answers) > 1 else state.answers[0])(self)

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        state = Server(f"http://127.0.0.1:{running.server_port}")
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield state
        running.shutdown()
        thread.join()


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_complete_file_comes_with_progress(server: Server, tmp_path: Path) -> None:
    shares: list[float] = []
    target = tmp_path / "in" / "set.zip"
    assert download(server.url, target, digest=DIGEST, size=len(BODY), options=QUICK, progress=shares.append) == target
    assert target.read_bytes() == BODY and left(target.parent) == ["set.zip"] and shares[-1] == 1.0
    download(server.url, target, digest=DIGEST, options=QUICK)
    assert len(server.ranges) == 1, "what is there and right is not downloaded again"


def test_an_interrupted_download_resumes(server: Server, tmp_path: Path) -> None:
    server.answers = [half, send_all]
    download(server.url, tmp_path / "set.zip", options=QUICK)
    assert (tmp_path / "set.zip").read_bytes() == BODY and server.ranges == [None, "bytes=5000-"]


def test_a_later_run_goes_on_and_another_file_begins_anew(server: Server, tmp_path: Path) -> None:
    once = DownloadOptions(attempts=1, pause_s=0.0)
    server.answers = [half]
    with pytest.raises(DataError, match=r"the connection broke off after 5,000 bytes. Repeat the command to continue"):
        download(server.url, tmp_path / "set.zip", options=once)
    assert left(tmp_path) == ["set.zip.part", "set.zip.part.json"]
    other = b"PK" + b"x" * (len(BODY) - 2)
    server.answers = [lambda handler: send(handler, other, etag='"b"')]
    download(server.url, tmp_path / "set.zip", options=once)
    assert (tmp_path / "set.zip").read_bytes() == other and server.ranges == [None, "bytes=5000-"]


def test_without_a_mark_or_digest_two_files_are_never_mixed(server: Server, tmp_path: Path) -> None:
    server.answers = [lambda h: send(h, BODY[:5000], announce=len(BODY), etag=""), lambda h: send(h, BODY, etag="")]
    download(server.url, tmp_path / "set.zip", options=QUICK)
    assert server.ranges == [None, None]


@pytest.mark.parametrize("etag", ['"a"', ""])
def test_a_server_that_announces_more_than_it_sends(etag: str, server: Server, tmp_path: Path) -> None:
    def liar(handler: Any) -> None:
        handler.headers.replace_header("Range", "") if handler.headers.get("Range") else None
        send(handler, BODY, announce=len(BODY) + 99, etag=etag)

    server.answers = [liar]
    with pytest.raises(DataError, match=r"cannot be downloaded: the connection broke off after 10,242 bytes"):
        download(server.url, tmp_path / "set.zip", options=QUICK)
    assert not (tmp_path / "set.zip").exists()


def test_a_server_that_announces_less_than_there_is(server: Server, tmp_path: Path) -> None:
    server.answers = [lambda handler: send(handler, BODY, announce=100)]
    with pytest.raises(DataError, match=r"does not give the file that was expected: its length or digest differs"):
        download(server.url, tmp_path / "set.zip", digest=DIGEST, options=QUICK)
    with pytest.raises(DataError, match=r"announces 100 bytes, 10,242 were expected. The file was replaced"):
        download(server.url, tmp_path / "set.zip", size=len(BODY), options=QUICK)
    assert left(tmp_path) == []


def test_another_file_and_a_web_page_are_refused(server: Server, tmp_path: Path) -> None:
    server.answers = [lambda handler: send(handler, BODY[:-1] + b"!")]
    with pytest.raises(DataError, match=r"it was removed. Try once more; if it persists"):
        download(server.url, tmp_path / "set.zip", digest=DIGEST, options=QUICK)
    page = b"<html>log in</html>"
    server.answers = [lambda handler: send(handler, page, announce=len(page))]
    with pytest.raises(DataError, match=r"gives a web page, not a zip file. The server may require a login"):
        download(server.url, tmp_path / "set.zip", options=QUICK)
    assert left(tmp_path) == []


@pytest.mark.parametrize(("status", "requests"), [(404, 1), (403, 1), (503, 3)])
def test_errors_of_the_server(status: int, requests: int, server: Server, tmp_path: Path) -> None:
    server.answers = [lambda handler: send(handler, b"", announce=0, status=status)]
    with pytest.raises(DataError, match=rf"cannot be downloaded: the server answers {status} "):
        download(server.url, tmp_path / "set.zip", options=QUICK)
    assert len(server.ranges) == requests


def test_what_is_no_address_or_out_of_reach(server: Server, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'file:///etc/hosts' is not an address to download from. It must start with"):
        download("file:///etc/hosts", tmp_path / "x", options=QUICK)
    with pytest.raises(DataError, match=r"http://127.0.0.1:9/x cannot be downloaded: .*refused"):
        download("http://127.0.0.1:9/x", tmp_path / "x", options=QUICK)
    (tmp_path / "set.zip").write_bytes(b"PK other")
    with pytest.raises(DataError, match=r"set.zip is not the file that was expected: its digest is sha256:"):
        download(server.url, tmp_path / "set.zip", digest=DIGEST, options=QUICK)
