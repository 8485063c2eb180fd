"""Serves the answers a Downloader must cope with. Prints its URL; ends with its standard input."""

import http.server
import sys
import threading


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        path = self.path
        if path == "/latin1":
            return self.answer(200, "caf\xe9 cr\xe8me".encode("latin-1"), "text/html; charset=ISO-8859-1")
        if path == "/redirect":
            return self.answer(302, b"", location="/latin1")
        if path == "/loop":
            return self.answer(302, b"", location="/loop")
        if path == "/large":
            return self.answer(200, b"x" * 100_000)
        if path == "/broken":
            return self.answer(500, b"no")
        return self.answer(404, b"no such page")

    def answer(self, status, body, kind="text/html", location=None):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if location:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(f"http://127.0.0.1:{server.server_port}", flush=True)
sys.stdin.read()
