#!/usr/bin/python3
"""Serves a folder on a free port of 127.0.0.1 and prints its URL when it is ready.

Usage: serve.py FOLDER

Ends when its standard input does, so that it cannot outlive the script that started it.
"""

import functools
import http.server
import sys
import threading


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128  # many ranks ask at once
    daemon_threads = True


class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # a connection serves many requests
    disable_nagle_algorithm = True  # or each answer waits 40 ms for an acknowledgement

    def log_message(self, *_):
        pass


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    server = Server(("127.0.0.1", 0), functools.partial(Handler, directory=sys.argv[1]))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_port}/", flush=True)
    sys.stdin.read()
    server.shutdown()


if __name__ == "__main__":
    main()
