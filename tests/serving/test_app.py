"""What a server answers, over HTTP, with a model that only remembers."""

from __future__ import annotations

import base64
import json
import re
import threading

import pytest

from mixdmt_tf.cli import serve
from mixdmt_tf.serving.limits import Refused
from tests.serving.served import picture, serving, wait_until

NAMES = ["cat", "<b>dog</b>"]


class Remembering:
    """Stands for a model: says how long files are, and can be made to wait."""

    task, class_names, image_shape, pixels = "classification", NAMES, [8, 8, 3], 1000

    def __init__(self):
        self.files, self.open, self.asked = [], threading.Event(), threading.Event()
        self.open.set()

    def predict(self, files):
        self.asked.set()
        assert self.open.wait(20)
        if files[0] == b"bug":
            raise RuntimeError("a secret of the server")
        if files[0] == b"bad":
            raise Refused(422, "a sentence.")
        self.files += files
        return [{"class_name": NAMES[len(each) % 2]} for each in files]


@pytest.fixture
def model():
    return Remembering()


@pytest.fixture
def client(model):
    with serving(model, body_bytes=1000, images=3, queue=2, seconds=0.5) as found:
        yield found


@pytest.mark.parametrize(
    "kind", ["image/jpeg", "image/png", "image/bmp", "IMAGE/PNG; charset=x"]
)
def test_an_image_as_the_body(kind, client, model):
    answer = client.predict(b"abc", kind)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json == {"predictions": [{"class_name": NAMES[1]}]}
    assert model.files == [b"abc"]


def test_several_in_json(client, model):
    encoded = [base64.b64encode(each).decode() for each in (b"abc", b"\0\xff")]
    answer = client.predict(json.dumps({"images": encoded}), "application/json")
    named = [each["class_name"] for each in answer.json["predictions"]]
    assert named == [NAMES[1], NAMES[0]]
    assert model.files == [b"abc", b"\0\xff"]


def form(*parts):
    """A form of (header, content)."""
    lines = []
    for header, content in parts:
        lines += [b"--xyz", b"Content-Disposition: form-data; " + header, b"", content]
    return b"\r\n".join([*lines, b"--xyz--", b""])


FORM = "multipart/form-data; boundary=xyz"


def test_several_in_a_form(client, model):
    body = form(
        (b'name="file"; filename="../a.png"', b"abc"),
        (b'name="comment"', b"no file"),
        (b'name="file"; filename="b.png"', b"defg"),
    )
    assert client.predict(body, FORM).status == 200
    assert model.files == [b"abc", b"defg"]


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "image/svg+xml", "image/gif", "application/pickle"]
)
def test_other_kinds_are_not_served(kind, client, model):
    answer = client.predict(b"abc", kind)
    assert answer.status == 415
    assert "expected image/jpeg, image/png, image/bmp, multipart" in answer.error
    assert not model.files


@pytest.mark.parametrize(
    "body",
    [
        "no json",
        "[" * 500,
        "[]",
        "{}",
        '{"images": "abc"}',
        '{"images": [1]}',
        '{"images": ["%%%%"]}',
        '{"images": ["\u00e4"]}',
        '{"images": []}',
        '{"images": ["", "", "", ""]}',
        b"\xff\xfe",
    ],
)
def test_json_of_another_form(body, client, model):
    body = body.encode() if isinstance(body, str) else body
    answer = client.predict(body, "application/json")
    assert answer.status == 422 and "expected" in answer.error
    assert not model.files


@pytest.mark.parametrize(
    "kind, body",
    [
        (FORM, b"not a form"),
        ("multipart/form-data", b"abc"),
        (FORM, form()),
        (FORM, form(*[(b'name="f"; filename="a"', b"abc")] * 4)),
        (FORM, form((b'name="f"', b"a field, no file"))),
    ],
)
def test_forms_of_another_form(kind, body, client, model):
    answer = client.predict(body, kind)
    assert answer.status == 422 and answer.error
    assert not model.files


def chunks(number, size=500):
    """A body whose length nobody tells beforehand."""
    return (bytes(size) for _ in range(number))


@pytest.mark.parametrize(
    "body",
    [bytes(1001), bytes(7000), chunks(3), chunks(100)],
    ids=["longer", "much longer", "untold", "untold and long"],
)
def test_a_body_that_is_too_large(body, client, model):
    try:
        answer = client.predict(body)
    except (BrokenPipeError, ConnectionResetError):
        assert not isinstance(body, bytes)  # far too much: nobody reads all that
    else:
        assert answer.status == 413
        assert answer.error == "the body is larger than 1,000 bytes."
    assert client.predict(bytes(1000)).status == 200
    assert model.files == [bytes(1000)]


def test_a_body_that_never_ends(client, model):
    connection = client.connect()
    connection.putrequest("POST", "/predict")
    connection.putheader("Content-Type", "image/png")
    connection.putheader("Content-Length", "100")
    connection.endheaders(b"abc")
    answer = connection.getresponse()
    assert answer.status == 408
    assert "longer than 0.5 seconds" in json.loads(answer.read())["error"]
    connection.close()
    assert not model.files


def test_a_client_that_goes_away_leaves_its_place(client, model):
    for _ in range(5):
        connection = client.connect()
        connection.putrequest("POST", "/predict")
        connection.putheader("Content-Type", "image/png")
        connection.putheader("Content-Length", "100")
        connection.endheaders(b"abc")
        connection.close()
        wait_until(lambda: client.metrics()["mixdmt_requests_waiting"] == 0)
    assert client.predict(b"abc").status == 200


def test_a_queue_that_is_full(client, model):
    model.open.clear()
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(client.predict(b"abc").status))
        for _ in range(2)
    ]
    for each in threads:
        each.start()
    wait_until(lambda: client.metrics()["mixdmt_requests_waiting"] == 2)
    refused = client.predict(b"abc")
    assert refused.status == 429 and refused.headers["retry-after"] == "1"
    assert refused.error.startswith("2 requests are waiting already")
    assert client.ask("/health").json == {"status": "ok"}  # while the model is busy
    model.open.set()
    for each in threads:
        each.join(20)
    assert answers == [200, 200]
    assert client.predict(b"abc").status == 200
    assert client.metrics()['mixdmt_requests_total{status="429"}'] == 1


def test_what_the_model_refuses_and_what_is_a_fault_here(capfd, client):
    answer = client.predict(b"bad")
    assert (answer.status, answer.error) == (422, "a sentence.")
    answer = client.predict(b"bug")
    assert answer.status == 500 and "secret" not in answer.body.decode()
    logged = []  # which comes after the answer

    def is_logged():
        logged.append(capfd.readouterr().err)
        return "a secret of the server" in "".join(logged)

    wait_until(is_logged)
    assert client.predict(b"abc").status == 200


def test_metrics(client):
    for body in (b"abc", b"abcd", b"abc", b"bad"):
        client.predict(body)
    client.predict(b"abc", "text/plain")
    found = client.metrics()
    assert found['mixdmt_requests_total{status="200"}'] == 3
    assert found['mixdmt_requests_total{status="422"}'] == 1
    assert found['mixdmt_requests_total{status="415"}'] == 1
    assert found['mixdmt_images_total{class_name="<b>dog</b>"}'] == 2
    assert found["mixdmt_request_seconds_count"] == 5
    assert found["mixdmt_prediction_seconds_count"] == 4
    assert found["mixdmt_requests_waiting"] == 0


def test_what_is_known_of_the_model(client):
    assert client.ask("/model").json == {
        "task": "classification",
        "class_names": NAMES,
        "image_shape": [8, 8, 3],
        "max_bytes": 1000,
        "max_pixels": 1000,
        "max_images": 3,
    }
    paths = client.ask("/openapi.json").json["paths"]
    assert set(paths) == {"/predict", "/model", "/health"}


def test_the_page_brings_everything_along_and_runs_nothing_else(client):
    answer = client.ask("/")
    page, policy = answer.body.decode(), answer.headers["content-security-policy"]
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert not re.findall(r"https?:|//\w|@import|<link[^>]*(?!data:)src", page)
    assert "default-src 'none'" in policy and "unsafe" not in policy
    # Names of classes and files get into the page as text only.
    for unsafe in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write"):
        assert unsafe not in page


@pytest.mark.parametrize("path", ["/nothing", "/docs", "/../setup.py"])
def test_there_is_nothing_else(path, client):
    answer = client.ask(path)
    assert (answer.status, answer.error) == (404, "Not Found")
    assert client.ask("/predict").status == 405


@pytest.mark.parametrize("hosts, status", [(("127.0.0.1",), 400), (("*",), 200)])
def test_names_of_strangers(hosts, status, model):
    with serving(model, hosts) as client:
        assert client.ask("/health", Host="evil.example").status == status
        assert client.ask("/health").status == 200


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "[::1]", "[::1]:8000"])
def test_names_of_this_machine(name, model):
    with serving(model, serve.OWN_NAMES) as client:
        assert client.ask("/health", Host=name).status == 200
        assert client.ask("/health", Host="1.evil.example").status == 400


def test_who_was_asking_when_a_stop_came_is_answered(model):
    model.open.clear()
    answers = []
    with serving(model) as client:
        thread = threading.Thread(
            target=lambda: answers.append(client.predict(picture(3, 4)).status)
        )
        thread.start()
        assert model.asked.wait(20)
        threading.Timer(0.3, model.open.set).start()
    thread.join(20)
    assert answers == [200]
