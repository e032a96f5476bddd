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
        self._private, self._known_variants = set(), []

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

    def cart(self, lines=1):
        """A cart that is ready to be completed."""
        lines = [{"variant_id": variant, "quantity": 1} for variant in self._variants()[:lines]]
        cart = self.mine("POST", "/api/v1/carts", {"shipping_address": ADDRESS, "line_items": lines})
        path = f"/api/v1/carts/{cart['id']}"
        self.mine("PUT", f"{path}/shipping-option", {"option": "standard"})
        cart = self.mine("POST", f"{path}/payment-sessions", {"provider": "manual"})
        return {"id": self._keep(cart["id"])}

    def line_item(self):
        cart = self.mine("GET", f"/api/v1/carts/{self.cart()['id']}")
        return {"id": cart["id"], "line_id": cart["line_items"][0]["id"]}

    def order(self):
        order = self.mine("POST", f"/api/v1/carts/{self.cart()['id']}/complete")
        return {"id": self._keep(order["id"])}

    def paid_order(self):
        payment = self.payment()
        path = f"/api/v1/admin/orders/{payment['id']}/payments/{payment['payment_id']}/capture"
        self.mine("POST", path, name="staff")
        return {"id": payment["id"]}

    def payment(self):
        order = self.mine("GET", f"/api/v1/orders/{self.order()['id']}")
        return {"id": order["id"], "payment_id": order["payments"][0]["id"]}

    def product_import(self):
        file = b"handle,name,sku,price_EUR\nsuite-mug,Suite mug,SUITE-MUG,9.90\n"
        status, answer = self.shop.call(
            "POST", "/api/v1/admin/products/imports", file, self.token("staff"), {"Content-Type": "text/csv"}
        )
        if status != 200:
            raise RuntimeError(f"an import: {status} {answer}")
        return {"id": answer["data"]["id"]}

    def body(self, operation, body):
        """The body, with something of this shop where it names one: a variant, a way of shipping."""
        if operation == "create_cart":
            pairs = zip(body.get("line_items") or [], self._variants())
            lines = [{**line, "variant_id": variant} for line, variant in pairs]
            return {**body, "currency": "EUR", "line_items": lines}
        if operation == "add_line_item":
            # One that the cart does not have yet: together they could be more than a line takes.
            return {**body, "variant_id": self._variants()[-1]}
        if operation == "refresh":
            return {"refresh_token": self.shop.login(self.shop.customer())["refresh_token"]}
        return {**body, **self.VALUES.get(operation, {})}

    def _variants(self):
        with self._lock:
            if not self._known_variants:
                query = "{ products(first: 50, filter: {inStock: true}) { nodes { variants { id inventoryCount } } } }"
                answer = self.mine("POST", "/api/v1/graphql", {"query": query})
                variants = [variant for product in answer["products"]["nodes"] for variant in product["variants"]]
                variants.sort(key=lambda variant: -variant["inventoryCount"])
                self._known_variants = [variant["id"] for variant in variants[:20]]
                for variant in self._known_variants:
                    self._fill_up(variant)
            return self._known_variants

    def _fill_up(self, variant):
        """Enough of it for every request of a run."""
        mutation = "mutation($input: InventoryLevelSetInput!) { inventoryLevelSet(input: $input) { userErrors { code } } }"
        variables = {"input": {"variantId": variant, "onHand": 1_000_000}}
        answer = self.mine("POST", "/api/v1/graphql", {"query": mutation, "variables": variables}, name="staff")
        if answer["inventoryLevelSet"]["userErrors"]:
            raise RuntimeError(f"stock of {variant}: {answer}")

    def _keep(self, private):
        self._private.add(private)
        return private

    # By operation, what its body says.
    VALUES = {
        "set_shipping_option": {"option": "standard"},
        "create_payment_session": {"provider": "manual"},
        "create_refund": {"amount": 1, "payment_id": None},
    }
    # By operation, what its path is about.
    OBJECTS = {
        "get_user": user,
        "suspend_user": stranger,
        "update_address": address,
        "delete_address": address,
        "get_cart": cart,
        "update_cart": cart,
        "add_line_item": cart,
        "update_line_item": line_item,
        "remove_line_item": line_item,
        "list_shipping_options": cart,
        "set_shipping_option": cart,
        "create_payment_session": cart,
        "complete_cart": cart,
        "get_order": order,
        "list_order_events": order,
        "get_admin_order": order,
        "create_fulfillment": order,
        "cancel_order": order,
        "capture_payment": payment,
        "create_refund": paid_order,
        "get_product_import": product_import,
    }
