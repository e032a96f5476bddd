"""Objects of the first customer, made through the API when a request is to be about one that exists."""

import json
import threading
import time

ADDRESS = {
    "first_name": "Sam",
    "last_name": "Suite",
    "line1": "1 Harbour Street",
    "city": "Berlin",
    "postal_code": "10115",
    "country": "DE",
}
# How long a token is used; it is good for longer.
TOKEN_SECONDS = 300


class Stock:
    """What the first customer has, and tokens of everyone. `people` are entries of Web Fuzzing Commons."""

    def __init__(self, shop, people):
        self.shop = shop
        self._logins = {entry["name"]: json.loads(entry["loginEndpointAuth"]["payloadRaw"]) for entry in people}
        self._tokens, self._lock = {}, threading.RLock()
        self.people = {self.mine("GET", "/api/v1/users/me", name=name)["id"] for name in self._logins}
        self._private = set()

    def token(self, name):
        with self._lock:
            token, since = self._tokens.get(name, ("", -TOKEN_SECONDS))
            if time.monotonic() - since >= TOKEN_SECONDS:
                token, since = self.shop.token(self._logins[name]), time.monotonic()
                self._tokens[name] = (token, since)
            return token

    def mine(self, method, path, body=None, name="customer-a"):
        return self.shop.must(method, path, body, self.token(name))

    def is_private(self, parameters):
        """Whether a path is about something that is the first customer's alone."""
        return any(value in self._private for value in parameters.values())

    def parameters(self, operation):
        """Path parameters of something that exists and that the operation is about."""
        make = self.OBJECTS.get(operation)
        return make(self) if make else {}

    def user(self):
        return {"id": self._keep(self.mine("GET", "/api/v1/users/me")["id"])}

    def stranger(self):
        return {"id": self.shop.customer()["id"]}

    def address(self):
        addresses = self.mine("GET", "/api/v1/users/me/addresses")
        if len(addresses) < 10:
            addresses.append(self.mine("POST", "/api/v1/users/me/addresses", ADDRESS))
        return {"id": self._keep(addresses[-1]["id"])}

    def _keep(self, private):
        self._private.add(private)
        return private

    # By operation, what its path is about.
    OBJECTS = {
        "get_user": user,
        "suspend_user": stranger,
        "update_address": address,
        "delete_address": address,
    }
