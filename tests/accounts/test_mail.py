"""Mail goes where EMAIL_URL says; a mail server that fails is not hidden behind a promise."""

import base64
import socketserver
import threading
from collections.abc import Iterator

import environ
import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from config.mail import mailer
from tests.support.cast import Cast

RESET = "/account/password/reset/"


class MailServer(socketserver.ThreadingTCPServer):
    """SMTP on loopback, as far as a sender needs it. Keeps what it was sent; refuses the sender if told to."""

    daemon_threads = True
    refuses = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Talk)
        self.lines: list[str] = []


class Talk(socketserver.StreamRequestHandler):
    server: MailServer

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())

    def handle(self) -> None:
        self.say("220 mail.harbor.test")
        in_message = False
        while raw := self.rfile.readline():
            line = raw.decode().rstrip("\r\n")
            command = line[:4].upper()
            self.server.lines.append(line)
            if in_message:
                in_message = line != "."
                if not in_message:
                    self.say("250 taken")
            elif command == "EHLO":
                self.say("250-mail.harbor.test\r\n250 AUTH PLAIN")
            elif command == "AUTH":
                self.say("235 welcome")
            elif command == "MAIL" and self.server.refuses:
                self.say("550 this sender may not")
            elif command == "DATA":
                in_message = True
                self.say("354 go on")
            elif command == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok")


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    with MailServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def send_by(url: str, django_settings: Settings) -> None:
    django_settings.MAILERS = {"default": mailer(environ.Env.email_url_config(url))}


def test_a_reset_goes_to_the_mail_server_that_the_address_names(
    cast: Cast, client: Client, settings: Settings, mail_server: MailServer
) -> None:
    send_by(f"smtp://harbor:pa%23ss@127.0.0.1:{mail_server.server_address[1]}", settings)
    assert client.post(RESET, {"email": "alice@harbor.test"}).status_code == 302
    assert "AUTH PLAIN " + base64.b64encode(b"\0harbor\0pa#ss").decode() in mail_server.lines
    assert "rcpt to:<alice@harbor.test>" in [line.lower() for line in mail_server.lines]
    assert "From: Patchbay <patchbay@127.0.0.1>" in mail_server.lines
    assert any("/account/password/reset/key/" in line for line in mail_server.lines)


def test_a_mail_server_that_refuses_is_told(cast: Cast, client: Client, settings: Settings, mail_server: MailServer) -> None:
    mail_server.refuses = True
    send_by(f"smtp://127.0.0.1:{mail_server.server_address[1]}", settings)
    known, unknown = (client.post(RESET, {"email": email}) for email in ("alice@harbor.test", "nobody@harbor.test"))
    assert (known.status_code, unknown.status_code) == (503, 503)
    assert "The e-mail could not be sent" in known.content.decode()
    assert 'value="alice@harbor.test"' in known.content.decode()


def test_a_mail_server_that_is_away_is_told(cast: Cast, client: Client, settings: Settings, mail_server: MailServer) -> None:
    mail_server.server_close()
    send_by(f"smtp://127.0.0.1:{mail_server.server_address[1]}", settings)
    answer = client.post(RESET, {"email": "alice@harbor.test"})
    assert (answer.status_code, "could not be sent" in answer.content.decode()) == (503, True)


def test_without_a_mail_server_nothing_is_promised(cast: Cast, client: Client, settings: Settings) -> None:
    settings.MAILERS = {}
    answer = client.post(RESET, {"email": "alice@harbor.test"})
    assert (answer.status_code, "This Patchbay sends no e-mail" in answer.content.decode()) == (503, True)


@pytest.mark.parametrize(("scheme", "expected"), [("smtp", (False, False)), ("smtp+tls", (True, False)), ("smtp+ssl", (False, True))])
def test_how_the_line_is_secured(scheme: str, expected: tuple[bool, bool]) -> None:
    options = mailer(environ.Env.email_url_config(f"{scheme}://mail.harbor.test:2525"))["OPTIONS"]
    assert (options["use_tls"], options["use_ssl"]) == expected
    assert (options["host"], options["port"], options["timeout"]) == ("mail.harbor.test", 2525, 10)


def test_other_ways_to_send() -> None:
    assert mailer(environ.Env.email_url_config("consolemail://"))["OPTIONS"] == {}
    assert mailer(environ.Env.email_url_config("filemail:////srv/mail"))["OPTIONS"] == {"file_path": "/srv/mail"}
