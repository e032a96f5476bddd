"""Follows topics of the stream, and comes back by itself where it was. For Python 3.9 or newer, with

    pip install websockets      # 13 or newer

    python3 docs/examples/stream.py http://127.0.0.1:8080 product:<id>
    TOKEN=<access token> python3 docs/examples/stream.py http://127.0.0.1:8080 orders
"""

import json
import os
import random
import sys
import time

from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import connect


class SessionEnded(Exception):
    """The session is over: sign in again."""


def follow(base, topics, token=None, on_error=lambda error: print(error, file=sys.stderr)):
    """The events of `topics` of the shop at `base`, from now on and without end. Raises SessionEnded.

    token     a function that gives an access token which is good for a while; None: topics that anyone may follow
    on_error  gets what the server says of errors, and why a connection ended; it is opened again
    """
    address = base.replace("http", "ws", 1).rstrip("/") + "/api/v1/stream"
    seen = {}  # by source, the last sequence
    pause = 1.0
    while True:
        wait = pause * random.uniform(0.5, 1.5)
        pause = min(pause * 2, 30)
        try:
            with connect(address) as socket:
                for message in _converse(socket, topics, token, seen):
                    if "." in message["type"]:
                        yield message
                    elif message["type"] in ("subscribed", "position"):
                        pause = 1.0
                    elif message["type"] == "closing":
                        wait = message["reconnect_in_ms"] / 1000
                    elif message["type"] == "error":
                        on_error(message)
        except ConnectionClosed as closed:
            if closed.rcvd and closed.rcvd.reason == "SESSION_ENDED":
                raise SessionEnded from None
            on_error(closed)
        except (OSError, WebSocketException) as error:  # A TimeoutError is an OSError.
            on_error(error)
        time.sleep(wait)


def _converse(socket, topics, token, seen):
    """What the server says on one connection; keeps `seen` up to date."""

    def say(**message):
        socket.send(json.dumps(message))

    def authenticate():
        say(type="authenticate", token=token())

    def subscribe():
        say(type="subscribe", topics=topics, after=seen)

    if token:
        authenticate()
    else:
        subscribe()
    subscribed, silence = False, 60
    while True:
        # A connection that is only thought to be there tells nothing; heartbeats come from one that is.
        message = json.loads(socket.recv(timeout=silence))
        kind = message["type"]
        if "." in kind:
            seen[message["source"]] = message["sequence"]
        elif kind == "welcome":
            silence = message["heartbeat_seconds"] * 2 + 5
        elif kind in ("subscribed", "position"):
            seen.update(message["sequences"])
        elif kind == "authenticated" and not subscribed:
            subscribed = True
            subscribe()
        elif kind == "token_expiring" and token:
            authenticate()
        elif message.get("code") == "INVALID_TOKEN":
            # It has not expired: its session was ended while nothing was connected.
            raise SessionEnded
        elif message.get("code") == "SOURCE_UNAVAILABLE":
            time.sleep(1)
            subscribe()
            continue
        yield message


if __name__ == "__main__":
    environment_token = os.environ.get("TOKEN")
    try:
        for event in follow(sys.argv[1], sys.argv[2:], (lambda: environment_token) if environment_token else None):
            print(json.dumps(event), flush=True)
    except SessionEnded:
        sys.exit("The session has ended: sign in again.")
    except KeyboardInterrupt:
        pass
