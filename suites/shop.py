"""A running shop as the suites see it: its addresses, its people, and calls to its API."""

import http.client
import json
import secrets
from pathlib import Path
from urllib.parse import urlsplit


class Shop:
    """The shop whose `run.json` lies in the folder."""

    def __init__(self, folder: Path):
        run = json.loads((folder / "run.json").read_text())
        self.api, self.graphql = run["api"].rstrip("/"), run["graphql"]
        self.staff = run["admin"]

    def call(self, method: str, path: str, body=None, token: str | None = None, headers=None):
        """Status, and the body if it is JSON."""
        sent = {"Content-Type": "application/json"} if body is not None else {}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        sent.update(headers or {})
        data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        address = urlsplit(self.api)
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
        try:
            connection.request(method, path, body=data, headers=sent)
            response = connection.getresponse()
            text = response.read()
        except OSError as error:
            raise RuntimeError(f"{self.api} does not answer ({error.strerror})") from error
        finally:
            connection.close()
        try:
            return response.status, json.loads(text)
        except ValueError:
            return response.status, None

    def must(self, method: str, path: str, body=None, token: str | None = None):
        """The data of a call that has to succeed."""
        status, answer = self.call(method, path, body, token)
        if not 200 <= status < 300:
            raise RuntimeError(f"{method} {path}: {status} {answer}")
        return answer["data"] if answer else None

    def customer(self) -> dict:
        """A new customer: email, password, id."""
        person = {"email": f"suite-{secrets.token_hex(8)}@tradepost.example", "password": secrets.token_hex(12)}
        made = self.must("POST", "/api/v1/auth/register", {**person, "first_name": "Sam", "last_name": "Suite"})
        return {**person, "id": made["id"]}

    def login(self, person: dict) -> dict:
        """The tokens of a new session."""
        return self.must("POST", "/api/v1/auth/login", {key: person[key] for key in ("email", "password")})

    def token(self, person: dict) -> str:
        """A new access token of a person."""
        return self.login(person)["access_token"]
