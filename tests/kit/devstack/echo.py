"""Answers 200 to everything on the address it is given; run as a file by the tests."""

import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()


host, _, port = sys.argv[1].rpartition(":")
HTTPServer((host, int(port)), Handler).serve_forever()
