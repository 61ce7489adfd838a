"""Fixtures for all tests of data of classification."""

import http.server
import threading

import pytest


@pytest.fixture(name="somebody")
def refusing_server():
    """An address whose server is there and refuses everything."""

    class Refusing(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_error(403)

        def log_message(self, *args):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/data.tar.gz"
        server.shutdown()
