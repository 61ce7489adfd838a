"""Google Cloud Storage for the client of gs:// in TensorFlow, in this process.

The client knows no other host. So this is a proxy for HTTPS that answers for the hosts
itself, with a certificate of its own: `environment` says how a process gets there.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import pathlib
import re
import ssl
import subprocess
import threading
import time
from typing import Any, Dict, Iterator, List, Tuple
from urllib.parse import parse_qsl, unquote, urlsplit

HOSTS = ("www.googleapis.com", "storage.googleapis.com")
BUCKET = r"/storage/v1/b/([^/]+)"


class Server(http.server.ThreadingHTTPServer):
    """The proxy.

    Attributes:
        objects: (content, seconds) by bucket and name.
        fail_every: every so many requests are answered with 503.
        requests: methods and paths so far.
    """

    daemon_threads = True

    def __init__(self, folder: pathlib.Path, fail_every: int = 0):
        """Listens on a free port, with a certificate that is made in `folder`."""
        super().__init__(("127.0.0.1", 0), Handler)
        names = ",".join(f"DNS:{host}" for host in HOSTS)
        self.certificate, key = folder / "certificate.pem", folder / "key.pem"
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes"]
        command += ["-keyout", str(key), "-out", str(self.certificate), "-days", "2"]
        command += ["-subj", f"/CN={HOSTS[0]}", "-addext", f"subjectAltName={names}"]
        subprocess.run(command, check=True, capture_output=True)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(self.certificate, key)
        self.objects: Dict[Tuple[str, str], Tuple[bytes, float]] = {}
        self.uploads: List[Tuple[str, str]] = []
        self.requests: List[str] = []
        self.fail_every = fail_every

    @property
    def environment(self) -> Dict[str, str]:
        """Variables of a process whose gs:// is here; it needs no credentials."""
        proxy = f"http://127.0.0.1:{self.server_address[1]}"
        return {
            "https_proxy": proxy,
            "HTTPS_PROXY": proxy,
            "no_proxy": "",
            "NO_PROXY": "",
            "CURL_CA_BUNDLE": str(self.certificate),
            "NO_GCE_CHECK": "true",
            "GCS_RETRY_CONFIG_INIT_DELAY_TIME_US": "1000",
        }


@contextlib.contextmanager
def started(folder: pathlib.Path, **options: int) -> Iterator[Server]:
    """A server that answers until the context ends."""
    with Server(folder, **options) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection: CONNECT, and then requests to the host behind TLS."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or each answer takes 40 ms
    server: Server

    def log_message(self, *_: Any) -> None:
        """Says nothing."""

    def do_CONNECT(self) -> None:  # noqa: N802
        """Becomes the host that was asked for."""
        self.send_response(200)
        self.end_headers()
        try:
            self.connection = self.server.tls.wrap_socket(self.connection, True)
        except (OSError, ssl.SSLError):
            self.close_connection = True
            return
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", 0)
        self.close_connection = False
        while not self.close_connection:
            self.handle_one_request()

    def do_GET(self) -> None:  # noqa: N802
        """Answers any method."""
        server, content = self.server, self._content()
        server.requests.append(f"{self.command} {self.path}")
        if server.fail_every and not len(server.requests) % server.fail_every:
            self._reply(503)
            return
        url = urlsplit(self.path)
        asked = dict(parse_qsl(url.query))
        for pattern, method in ROUTES:
            found = re.fullmatch(pattern, url.path)
            if found:
                method(self, asked, content, *map(unquote, found.groups()))
                return
        self._reply(400)

    do_POST = do_PUT = do_DELETE = do_GET

    def _content(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        content = b""
        while True:
            size = int(self.rfile.readline(), 16)
            content += self.rfile.read(size)
            self.rfile.readline()
            if not size:
                return content

    def _reply(self, code: int, content: bytes = b"", **headers: str) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _json(self, **fields: Any) -> None:
        self._reply(200, json.dumps(fields).encode())

    def _upload(self, asked: Dict[str, str], content: bytes, bucket: str) -> None:
        sent = self.headers.get("Content-Range", "")
        if sent.startswith("bytes */") and sent != "bytes */0":
            self._reply(308)  # asked after a failure: nothing has arrived
        elif "upload_id" in asked:
            place = self.server.uploads[int(asked["upload_id"])]
            self.server.objects[place] = (content, time.time())
            self._json(name=place[1])
        else:
            self.server.uploads.append((bucket, asked["name"]))
            number = len(self.server.uploads) - 1
            self._reply(
                200, Location=f"https://{HOSTS[0]}{self.path}&upload_id={number}"
            )

    def _list(self, asked: Dict[str, str], _: bytes, bucket: str) -> None:
        prefix, items, folders = asked.get("prefix", ""), [], {}
        for place, name in sorted(self.server.objects):
            if place == bucket and name.startswith(prefix):
                inner, slash, _ = name[len(prefix) :].partition("/")
                if slash and "delimiter" in asked:
                    folders[f"{prefix}{inner}/"] = None
                else:
                    items.append({"name": name})
        self._json(items=items, prefixes=[*folders])

    def _rewrite(self, _: Any, __: bytes, *places: str) -> None:
        source, target = places[:2], places[2:]
        if source in self.server.objects:
            content, _ = self.server.objects[source]
            self.server.objects[target] = (content, time.time())
            self._json(done=True)
        else:
            self._reply(404)

    def _object(self, _: Any, __: bytes, *place: str) -> None:
        if place not in self.server.objects:
            self._reply(404)
        elif self.command == "DELETE":
            del self.server.objects[place]
            self._reply(204)
        else:
            content, seconds = self.server.objects[place]
            written = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(seconds))
            self._json(size=str(len(content)), generation="1", updated=written)

    def _download(self, _: Any, __: bytes, *place: str) -> None:
        content, _ = self.server.objects.get(place, (None, 0.0))
        if content is None:
            self._reply(404)
            return
        first, last = re.findall(r"\d+", self.headers["Range"])
        part = content[int(first) : int(last) + 1]
        self._reply(206 if part else 416, part)


ROUTES = (
    (r"/upload/storage/v1/b/([^/]+)/o", Handler._upload),
    (rf"{BUCKET}/o", Handler._list),
    (rf"{BUCKET}/o/([^/]+)/rewriteTo/b/([^/]+)/o/([^/]+)", Handler._rewrite),
    (rf"{BUCKET}/o/([^/]+)", Handler._object),
    (r"/([^/]+)/(.+)", Handler._download),
)
