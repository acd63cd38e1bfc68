"""TLS: a log goes to nobody who cannot prove to be the server."""

from __future__ import annotations

import datetime as dt
import ssl

import pytest
import trustme
from tests.promises.faults_server import Server

import promptscribe
from promptscribe.errors import ConfigurationError

PROGRAM = """
import os
import promptscribe
promptscribe.log_prompt(path="tls/call")(lambda mark: "secret answer")(1)
print(promptscribe.force_flush(float(os.environ.get("WAIT", 30))))
"""

YESTERDAY = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)


@pytest.fixture
def authority(tmp_path):
    """A certificate authority of one's own, and its file."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return authority


@pytest.fixture
def serve():
    """Start a server with a certificate."""
    servers = []

    def start(certificate):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        server = Server(offer={"bulk": True})
        server.socket = context.wrap_socket(server.socket, server_side=True)
        servers.append(server)
        return server, f"https://127.0.0.1:{server.port}"

    yield start
    for server in servers:
        server.close()


def test_an_authority_of_ones_own_is_trusted_where_one_says_so(
    authority, serve, run, tmp_path
):
    """``SSL_CERT_FILE`` names it, as for Python itself."""
    server, url = serve(authority.issue_cert("127.0.0.1"))

    done = run(PROGRAM, url, SSL_CERT_FILE=str(tmp_path / "ca.pem"))

    assert "delivered=1" in done.stdout, done.stderr
    assert len(server.stored) == 1


@pytest.mark.parametrize("wrong", ["self-signed", "expired", "another host"])
def test_a_server_that_cannot_prove_who_it_is_gets_nothing(
    wrong, authority, serve, run, tmp_path
):
    """The log waits in the journal, the reason is told; the key is not sent."""
    certificate = {
        "self-signed": lambda: trustme.CA().issue_cert("127.0.0.1"),
        "expired": lambda: authority.issue_cert("127.0.0.1", not_after=YESTERDAY),
        "another host": lambda: authority.issue_cert("logs.example.com"),
    }[wrong]()
    server, url = serve(certificate)

    done = run(
        PROGRAM,
        url,
        SSL_CERT_FILE=str(tmp_path / "ca.pem"),
        PROMPTSCRIBE_API_KEY="canary",
        WAIT="0",  # the exit waits until the server is known to be of no use
    )

    assert "pending=1" in done.stdout
    assert server.requests == []
    assert "CERTIFICATE_VERIFY_FAILED" in done.stderr.upper()
    assert "canary" not in done.stdout + done.stderr


def test_there_is_no_way_to_turn_verification_off():
    """Not by a setting; Python's own variable for it is not heard."""
    for name in ("verify", "verify_ssl", "ssl_verify", "insecure"):
        with pytest.raises(TypeError):
            promptscribe.configure(**{name: False})


@pytest.mark.parametrize(
    "host", ["10.0.0.1", "192.168.1.7", "logs.example.com", "[fd00::1]"]
)
def test_plain_http_to_another_machine_is_refused(host):
    """Unless one says that the network is one's own."""
    with pytest.raises(ConfigurationError, match="allow_insecure"):
        promptscribe.configure(base_url=f"http://{host}:8420", api_key="k")
    promptscribe.configure(base_url=f"http://{host}:8420", allow_insecure=True)
