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
from schemathesis.core.failures import AcceptedNegativeData
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
    "UNSUPPORTED_CURRENCY": "a currency that this shop does not sell in",
    "VARIANT_UNAVAILABLE": "a variant that the catalog does not have",
    "UNKNOWN_PROVIDER": "a payment provider that this shop does not have",
    "UNKNOWN_SHIPPING_OPTION": "a way of shipping that does not go to the cart's address",
    "REFUND_TOO_LARGE": "more than is left of what was paid",
    "URI_TOO_LONG": "a URI is bounded in bytes, with all its parameters encoded",
}
# The same for one operation.
WAIVERS_OF = {
    "add_line_item": {
        "OUT_OF_RANGE": "together with what the cart has of the variant already it is more than a line takes",
    },
    "graphql_query": {
        "MALFORMED_JSON": "`variables` and `extensions` are JSON within a string",
        "INVALID_VALUE": "as before: an object",
    },
    "create_product_import": {
        "MISSING_COLUMN": "the body is text to a schema, and a file with columns to the shop",
        "UNKNOWN_COLUMN": "as before",
        "DUPLICATE_COLUMN": "as before",
        "UNKNOWN_FORMAT": "as before",
        "UNSUPPORTED_ENCODING": "as before",
        "ROW_TOO_LONG": "as before",
        "SCHEMA-VIOLATING": "whatever the generator makes instead of text is sent as text, which a file may hold",
    },
}


@schemathesis.hook
def before_call(context, case, kwargs):
    renew_idempotency_key(case)
    mend_if_match(case)
    mend_missing_ids(case)
    if sent_by_a_person(case) and not is_negative(case, ParameterLocation.PATH):
        spare_the_people(case)
        # A walk along links is repeated by the tool step by step, so there every request is treated alike.
        if following_a_link(case) or next(turns[case.operation.label]) % 2 == 0:
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


def mend_missing_ids(case):
    """schemathesis takes the null that a dry run answers instead of an id for an id."""
    if "null" in (case.path_parameters or {}).values() and not is_negative(case, ParameterLocation.PATH):
        found = {name: str(uuid.uuid4()) for name, value in case.path_parameters.items() if value == "null"}
        case.path_parameters = {**case.path_parameters, **found}


def spare_the_people(case):
    """Whoever deletes an account or is suspended is not one of those who send the other requests."""
    operation = operation_of(case)
    if operation == "delete_me":
        case.headers["Authorization"] = f"Bearer {shop.token(shop.customer())}"
    elif operation == "suspend_user" and case.path_parameters.get("id") in stock.people:
        case.path_parameters = {**case.path_parameters, "id": shop.customer()["id"]}


def name_objects_that_exist(case):
    """Every second request is about objects of the first customer, so that it gets past `not found`."""
    operation = operation_of(case)
    parameters = {} if following_a_link(case) else stock.parameters(operation)
    if parameters:
        case.path_parameters = {**case.path_parameters, **parameters}
    if isinstance(case.body, dict) and not is_negative(case, ParameterLocation.BODY):
        case.body = stock.body(operation, case.body)


def sent_by_a_person(case):
    """With a real access token; others are there to be refused."""
    return re.fullmatch(r"Bearer ey[^.]+\.[^.]+\.[^.]+", str(case.headers.get("Authorization", ""))) is not None


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
    """Drops a failure when a waiver stands for everything that the answer complains of."""
    operation = operation_of(case)
    reasons = WAIVERS | WAIVERS_OF.get(operation, {})
    codes = {"SCHEMA-VIOLATING"} if isinstance(failure, AcceptedNegativeData) else codes_of(response)
    if not isinstance(failure, (RejectedPositiveData, AcceptedNegativeData)) or not codes or codes - reasons.keys():
        return True
    for code in codes:
        waived[operation, code] += 1
    return False


def operation_of(case):
    return case.operation.definition.raw.get("operationId")


def codes_of(response):
    """What an answer complains of: the codes of its fields, or else its own."""
    try:
        answer = response.json()
        return {detail["code"] for detail in answer["details"]} or {answer["code"]}
    except (ValueError, KeyError, TypeError):
        return set()


@schemathesis.serializer("application/x-ndjson", "application/jsonl")
def send_lines(context, value):
    return {"data": value if isinstance(value, (bytes, str)) else json.dumps(value)}


@atexit.register
def write_summary():
    summary = {
        "answers": {label: {str(status): n for status, n in sorted(c.items())} for label, c in sorted(answers.items())},
        "waived": [
            {"operation": operation, "code": code, "times": times, "reason": (WAIVERS | WAIVERS_OF.get(operation, {}))[code]}
            for (operation, code), times in sorted(waived.items())
        ],
    }
    Path(os.environ["SUITES_SUMMARY"]).write_text(json.dumps(summary, indent=2) + "\n")
