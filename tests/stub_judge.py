"""A stand-in for a judge model: an endpoint on loopback that keeps what it was asked, and answers or fails as told."""

import json
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Fault:
    """What becomes of one request: an HTTP ``status`` with ``headers`` and ``body``, or worse.

    ``held_back`` bytes of the body are promised and never sent; ``pause`` is the seconds between two bytes of it;
    ``cut`` closes the connection without a word; ``silent`` keeps it open without one.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    held_back: int = 0
    pause: float = 0.0
    cut: bool = False
    silent: bool = False


def completion(text: object, usage: object = None) -> bytes:
    """The body of a chat completion."""
    found = {"choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]}
    return json.dumps(found if usage is None else {**found, "usage": usage}).encode()


class Stub(ThreadingHTTPServer):
    """``asked`` has a request's path, headers and body each.

    The next requests meet ``faults``, one each; all others are answered with ``status``, ``headers``, and ``body`` or,
    where ``reply`` is set, what it makes of the question as a body. ``most`` is how many were under way at once.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, dict[str, str], Any]] = []
        self.faults: deque[Fault] = deque()
        self.reply: Callable[[str], bytes] | None = None
        self.status, self.headers, self.release = 200, {}, threading.Event()
        self.release.set()
        self.ended = threading.Event()
        self.under_way = self.most = 0
        self.lock = threading.Lock()
        self.say("Warm & brief")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    @property
    def questions(self) -> list[str]:
        """What was asked, retries included."""
        return [body["messages"][0]["content"] for _, _, body in self.asked]

    def say(self, text: object) -> None:
        """Answer a chat completion of this text."""
        self.body = completion(text)

    def handle_error(self, *_: object) -> None:
        """Whoever stopped waiting for an answer is no news."""

    @contextmanager
    def met(self, asked: tuple[str, dict[str, str], Any]) -> Iterator[Fault]:
        """How a request is to be treated, while it is under way."""
        with self.lock:
            self.asked.append(asked)
            self.under_way += 1
            self.most = max(self.most, self.under_way)
            fault = self.faults.popleft() if self.faults else None
        try:
            question = asked[2]["messages"][0]["content"]
            body = self.body if self.reply is None or fault is not None else self.reply(question)
            yield Fault(self.status, self.headers, body) if fault is None else fault
        finally:
            with self.lock:
                self.under_way -= 1


class _Handler(BaseHTTPRequestHandler):
    server: Stub

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.met((self.path, dict(self.headers), body)) as fault:
            self.server.release.wait(10)
            if fault.silent:
                self.server.ended.wait(10)
            elif fault.cut:
                self.connection.shutdown(socket.SHUT_RDWR)
            else:
                self._send(fault)

    def _send(self, fault: Fault) -> None:
        self.send_response(fault.status)
        for name, value in fault.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(fault.body) + fault.held_back))
        self.end_headers()
        for part in [fault.body] if not fault.pause else [bytes([byte]) for byte in fault.body]:
            self.wfile.write(part)
            self.server.ended.wait(fault.pause)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def stub_judge() -> Iterator[Stub]:
    """A stub that serves until the block ends."""
    with Stub() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.release.set()
            server.ended.set()
            server.shutdown()
            thread.join()
