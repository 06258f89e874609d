"""What `run` says of PREFECT_API_URL before anything else."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from flows.run import refuse_a_dead_server
from schemas.errors import BadInput, Stopped


@pytest.fixture
def answering():
    """A server that answers everything with a status and a body; its URL."""
    servers = []

    def serve(status, body):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}/api"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_server_that_is_down_is_one_line_that_names_the_variable(monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    line = r"^PREFECT_API_URL = 'http://127.0.0.1:9/api': no answer \(.*\); start that server, or unset the variable$"
    with pytest.raises(Stopped, match=line):
        refuse_a_dead_server()
    monkeypatch.setenv("PREFECT_API_URL", "http://me:secret@127.0.0.1:9/api")
    with pytest.raises(Stopped, match=r"^PREFECT_API_URL = 'http://\.\.\.@127\.0\.0\.1:9/api': no answer"):
        refuse_a_dead_server()


@pytest.mark.parametrize("url", ["nonsense", "http://", "http://[::1/api", "ftp://127.0.0.1/api"])
def test_what_is_no_address_is_bad_input(monkeypatch, url):
    monkeypatch.setenv("PREFECT_API_URL", url)
    with pytest.raises(BadInput, match=r"PREFECT_API_URL = .* expected http://host:port/api"):
        refuse_a_dead_server()


@pytest.mark.parametrize(("status", "body"), [(404, b""), (200, b"<html>"), (502, b"bad gateway")])
def test_another_programs_answer_is_not_prefects(monkeypatch, answering, status, body):
    monkeypatch.setenv("PREFECT_API_URL", answering(status, body))
    with pytest.raises(Stopped, match=r"PREFECT_API_URL = .*(no Prefect server|HTTP 502)"):
        refuse_a_dead_server()


@pytest.mark.parametrize(("status", "body"), [(200, b"true"), (401, b"{}")])
def test_a_server_of_this_machine_is_found_whatever_the_proxy(monkeypatch, answering, status, body):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("PREFECT_API_URL", answering(status, body))
    refuse_a_dead_server()
