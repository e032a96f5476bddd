import { follow } from "/web/stream.mjs";

/** Rows that are kept; the oldest go. */
const MAX_ROWS = 200;
/** Steps of one order that are shown; a busy order has some ten. */
const MAX_STEPS = 20;
/** Seconds before the end of an access token from which it is exchanged: the stream asks a minute before. */
const EARLY = 90;

const STATES = {
  connecting: "Connecting",
  live: "Live",
  waiting: "Not connected; it is tried again, and nothing is missed",
};

const at = (id) => document.getElementById(id);

// What signs the page in stays in this script: it is gone with the page.
let session = null;
let stop = () => {};

// ---- the session

class Refused extends Error {}

async function post(path, body, key) {
  const headers = { "content-type": "application/json" };
  if (key) headers["idempotency-key"] = key;
  const response = await fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
  if (response.status === 204) return null;
  const answer = await response.json();
  if (!response.ok) throw new Refused(answer.error, { cause: response.status });
  return answer.data;
}

function keep(tokens) {
  const random = crypto.getRandomValues(new Uint8Array(16));
  session = {
    access: tokens.access_token,
    refresh: tokens.refresh_token,
    until: Date.now() + (tokens.expires_in - EARLY) * 1000,
    // The same for every try, so that a lost answer costs nothing.
    key: Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join(""),
    next: null,
  };
}

/** An access token that is good for a while. */
async function token() {
  const mine = session;
  if (!mine) throw new Error("signed out");
  if (Date.now() < mine.until) return mine.access;
  // One exchange at a time: a refresh token is good for one.
  mine.next ??= post("/api/v1/auth/refresh", { refresh_token: mine.refresh }, mine.key).finally(() => (mine.next = null));
  try {
    const tokens = await mine.next;
    if (session === mine) keep(tokens);
  } catch (error) {
    if (error.cause === 401 && session === mine) leave("The session has ended. Sign in again.");
    throw error;
  }
  return token();
}

function enter() {
  show(true);
  stop = follow(location.origin, ["orders"], {
    token,
    onEvent: tell,
    onState(state) {
      if (state === "ended") leave("The session was ended. Sign in again.");
      else Object.assign(at("state"), { textContent: STATES[state] }).dataset.state = state;
    },
    onError: (error) => console.warn(error),
  });
}

function leave(why) {
  stop();
  stop = () => {};
  session = null;
  rows.clear();
  at("orders").replaceChildren();
  at("said").textContent = "";
  at("problem").textContent = why;
  show(false);
  at("email").focus();
}

function show(signedIn) {
  at("sign-in").hidden = signedIn;
  at("live").hidden = !signedIn;
  at("nothing").hidden = false;
}

at("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const button = form.querySelector("button");
  button.disabled = true;
  at("problem").textContent = "";
  try {
    keep(await post("/api/v1/auth/login", { email: form.email.value, password: form.password.value }));
    form.reset();
    enter();
    at("sign-out").focus();
  } catch (error) {
    at("problem").textContent = error instanceof Refused ? error.message : "The shop can't be reached. Try again.";
  } finally {
    button.disabled = false;
  }
});

at("sign-out").addEventListener("click", () => {
  const refresh_token = session.refresh;
  leave("");
  post("/api/v1/auth/logout", { refresh_token }).catch((error) => console.warn(error));
});

// ---- the orders

/** Rows by order, the one that something happened to last at the end. */
const rows = new Map();

function tell(event) {
  const { id } = event.object;
  const row = rows.get(id) ?? add(event);
  rows.delete(id);
  rows.set(id, row);
  const step = document.createElement("li");
  const time = document.createElement("time");
  time.dateTime = event.time;
  time.textContent = new Date(event.time).toLocaleTimeString();
  step.append(words(event), " ", time);
  row.steps.prepend(step);
  if (row.steps.childElementCount > MAX_STEPS) row.steps.lastElementChild.remove();
  at("orders").prepend(row.element);
  row.element.classList.remove("changed");
  // Begins the animation anew.
  void row.element.offsetWidth;
  row.element.classList.add("changed");
  at("said").textContent = `Order ${row.number.textContent} ${words(event)}`;
  at("nothing").hidden = true;
  if (rows.size > MAX_ROWS) {
    const [oldest, { element }] = rows.entries().next().value;
    rows.delete(oldest);
    element.remove();
  }
}

function add(event) {
  const element = document.createElement("tr");
  const number = document.createElement("th");
  number.scope = "row";
  const total = document.createElement("td");
  const steps = document.createElement("ul");
  const happened = document.createElement("td");
  happened.append(steps);
  element.append(number, total, happened);
  const row = { element, number, total, steps };
  if (event.type === "order.placed") describe(row, event.data.number, event.data.total);
  else lookUp(row, event.object.id);
  return row;
}

function describe(row, number, total) {
  row.number.textContent = number;
  row.total.textContent = money(total);
}

/** Number and total of an order that was placed before the page was opened. */
async function lookUp(row, id) {
  row.number.textContent = `…${id.slice(-6)}`;
  try {
    for (const path of ["/api/v1/admin/orders/", "/api/v1/orders/"]) {
      const response = await fetch(path + id, { headers: { authorization: `Bearer ${await token()}` } });
      if (!response.ok) continue;
      const { data } = await response.json();
      describe(row, data.number, data.totals.total);
      return;
    }
  } catch (error) {
    console.warn(error);
  }
}

function words({ type, data }) {
  const what = type.slice(type.indexOf(".") + 1);
  if (type === "order.paid" || type === "order.refunded") return `${what} ${money(data.amount)}`;
  if (type === "order.fulfilled") {
    const units = data.lines.reduce((sum, line) => sum + line.quantity, 0);
    const carrier = [data.tracking_company, data.tracking_number].filter(Boolean).join(" ");
    return `${what}, ${units} ${units === 1 ? "unit" : "units"}${carrier && ` by ${carrier}`}`;
  }
  if (type === "order.cancelled") return `${what} (${data.reason})`;
  return what;
}

/** An amount in the currency's smallest unit, as people write it. */
function money({ amount, currency }) {
  const format = new Intl.NumberFormat(undefined, { style: "currency", currency });
  return format.format(amount / 10 ** format.resolvedOptions().maximumFractionDigits);
}
