"""What schemathesis can't know of this shop: objects that exist, requests that would end its own session, and answers
that are right although a schema can't tell. Loaded by schemathesis itself."""

import atexit
import collections
import itertools
import json
import os
import re
import uuid
from pathlib import Path

import schemathesis
from schemathesis.core.parameters import ParameterLocation
from schemathesis.openapi.checks import RejectedPositiveData

from shop import Shop
from stock import Stock

shop = Shop(Path(os.environ["SUITES_SHOP"]))
stock = Stock(shop, json.loads(Path(os.environ["SUITES_PEOPLE"]).read_text())["auth"])
answers = collections.defaultdict(collections.Counter)
waived = collections.Counter()
turns = collections.defaultdict(itertools.count)

# Refusals of requests that fit their schema, by code: what is wrong with them is not their form.
WAIVERS = {
    "INVALID_CURSOR": "a cursor is one that the list gave out, with a checksum; a pattern can't say that",
}


@schemathesis.hook
def before_call(context, case, kwargs):
    renew_idempotency_key(case)
    mend_if_match(case)
    if sent_by_a_person(case) and not is_negative(case, ParameterLocation.PATH):
        spare_the_people(case)
        if not following_a_link(case) and next(turns[case.operation.label]) % 2 == 0:
            name_objects_that_exist(case)


def renew_idempotency_key(case):
    """A key marks one request. Many requests here have the key that their generator finds simplest."""
    key = case.headers.get("Idempotency-Key")
    if isinstance(key, str) and re.fullmatch("[!-~]{16,255}", key):
        case.headers["Idempotency-Key"] = str(uuid.uuid4())


def mend_if_match(case):
    """schemathesis 4.32 can make no header that begins with a quote. It sends 21 letters instead, with every body too."""
    if set(str(case.headers.get("If-Match", ""))) == {"a"}:
        case.headers["If-Match"] = "*"


def spare_the_people(case):
    """Whoever deletes an account or is suspended is not one of those who send the other requests."""
    operation = case.operation.definition.raw.get("operationId")
    if operation == "delete_me":
        case.headers["Authorization"] = f"Bearer {shop.token(shop.customer())}"
    elif operation == "suspend_user" and case.path_parameters.get("id") in stock.people:
        case.path_parameters = {**case.path_parameters, "id": shop.customer()["id"]}


def name_objects_that_exist(case):
    """Every second request is about objects of the first customer, so that it gets past `not found`."""
    operation = case.operation.definition.raw.get("operationId")
    parameters = stock.parameters(operation)
    if parameters:
        case.path_parameters = {**case.path_parameters, **parameters}
    if not is_negative(case, ParameterLocation.BODY):
        case.body = stock.body(operation, case.body)


def sent_by_a_person(case):
    return "Authorization" in case.headers and "SCHEMATHESIS" not in str(case.headers["Authorization"])


def is_negative(case, location):
    return case.meta is not None and case.meta.is_negative_at(location)


def following_a_link(case):
    return case.meta is not None and case.meta.phase.name.value == "stateful"


@schemathesis.check
def strangers_are_refused(ctx, response, case):
    """What the first customer may do with an object of theirs, the second may not."""
    if case.auth_identity != "customer-a" or not 200 <= response.status_code < 300:
        return
    if not stock.is_private(case.path_parameters or {}):
        return
    sent = response.request
    path = sent.path_url
    headers = {"Content-Type": "application/json"} if sent.body else {}
    status, _ = shop.call(sent.method, path, sent.body or None, stock.token("customer-b"), headers)
    assert status == 404, f"customer B got {status} for an object of customer A"


@schemathesis.hook
def after_call(context, case, response):
    answers[case.operation.label][response.status_code] += 1


@schemathesis.hook
def filter_failure(context, failure, case, response):
    if not isinstance(failure, RejectedPositiveData):
        return True
    code = code_of(response)
    if code in WAIVERS:
        waived[code] += 1
        return False
    return True


def code_of(response):
    try:
        return response.json()["code"]
    except (ValueError, KeyError, TypeError):
        return None


@atexit.register
def write_summary():
    summary = {
        "answers": {label: {str(status): n for status, n in sorted(c.items())} for label, c in sorted(answers.items())},
        "waived": {code: {"times": n, "reason": WAIVERS[code]} for code, n in waived.items()},
    }
    Path(os.environ["SUITES_SUMMARY"]).write_text(json.dumps(summary, indent=2) + "\n")
