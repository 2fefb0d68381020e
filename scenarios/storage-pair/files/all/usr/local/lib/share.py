"""The store's one writer: it appends to a file that both nodes have, and says over HTTP that it does.

It stands for what would destroy a file system that two nodes write to: a line of another node among its own, or a line of
another one that is younger than two seconds when it starts, is `two writers`, in its log and in each answer from then on.
"""

import os
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FILE = os.environ.get("FILE", "/shared/lines")
EVERY = 0.1
YOUNG = 2.0
NODE = socket.gethostname()
torn = threading.Event()


def last_of(file: int) -> tuple[str, float]:
    size = os.fstat(file).st_size
    lines = os.pread(file, 256, max(0, size - 256)).decode().splitlines()
    if not lines:
        return NODE, 0.0
    node, at = lines[-1].split()
    return node, float(at)


def write(file: int) -> None:
    while True:
        os.write(file, f"{NODE} {time.time():.3f}\n".encode())
        os.fsync(file)
        time.sleep(EVERY)
        if last_of(file)[0] != NODE:
            tear()


def tear() -> None:
    if not torn.is_set():
        print("two writers", file=sys.stderr, flush=True)
        torn.set()


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = f"{NODE} {'two writers' if torn.is_set() else 'alone'}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


store = os.open(FILE, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
node, at = last_of(store)
if node != NODE and time.time() - at < YOUNG:
    tear()
threading.Thread(target=write, args=(store,), daemon=True).start()
ThreadingHTTPServer(("0.0.0.0", 8080), Answer).serve_forever()
