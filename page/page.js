// The page of Sluice: a list of runs, one run with its buttons, and the start of a run.
//
// A view gets its data from the API (`load`) and describes the page as a tree of `h(tag, properties, ...children)`
// (`draw`); `patch` changes the document into that tree, so focus, selection and opened details survive each poll. All
// texts become text nodes or attributes, never markup. All times are by the app's clock.

const API = new URL("..", import.meta.url); // the script is .../api/ui/page.js
const LIST_SECONDS = 5, RUN_SECONDS = 2, PANEL_SECONDS = 10, REST_SECONDS = 30; // between two polls
const STILL_SECONDS = 30; // without a change of the counts, after which the page says so
const SEEN_SECONDS = 10; // between two points of the throughput that the page itself records
const ANSWER_SECONDS = 120; // the app answers within 100 s, with an error if need be
const NAMESPACE = "http://www.w3.org/2000/svg";
const byId = (id) => document.getElementById(id);

// ---- the tree, and the document -------------------------------------------------------------------------------------

const h = (tag, properties, ...children) => ({
  tag, properties: properties ?? {}, children: children.flat(Infinity).filter((it) => it != null && it !== false && it !== ""),
});

function patch(parent, children) {
  const keyed = new Map([...parent.childNodes].filter((it) => it.key != null).map((it) => [it.key, it]));
  let next = parent.firstChild;
  for (const child of children) {
    let node = next;
    if (typeof child !== "object") {
      if (node?.nodeType !== Node.TEXT_NODE) node = document.createTextNode("");
      if (node.data !== String(child)) node.data = String(child);
    } else {
      const { tag, properties: { key: name } } = child;
      if (name != null) node = keyed.get(name);
      if (node?.nodeName.toLowerCase() !== tag || (node.key ?? null) !== (name ?? null)) {
        const isSvg = tag === "svg" || parent.namespaceURI === NAMESPACE;
        node = isSvg ? document.createElementNS(NAMESPACE, tag) : document.createElement(tag);
        node.key = name;
      }
      patch(node, child.children);
      dress(node, child.properties); // after the children: a select accepts only the value of an existing option
    }
    if (node === next) next = next.nextSibling;
    else parent.insertBefore(node, next);
  }
  while (next) {
    const left = next;
    next = next.nextSibling;
    left.remove();
  }
}

function dress(node, properties) {
  const before = node.properties ?? {};
  for (const name of new Set([...Object.keys(before), ...Object.keys(properties)])) {
    const value = properties[name];
    if (name === "key" || value === before[name]) continue;
    if (name.startsWith("on")) node[name] = value ?? null;
    else if (name === "value") node.value = value ?? "";
    else if (name === "share") node.style.width = value; // the content security policy allows this, but not a style attribute
    else if (value == null || value === false) node.removeAttribute(name);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.properties = properties;
}

// ---- words ----------------------------------------------------------------------------------------------------------

const NUMBER = new Intl.NumberFormat("en");
const TODAY = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const EARLIER = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

let skew = 0; // the app's clock minus this machine's, in milliseconds
const now = () => Date.now() + skew;
const seconds = (from, to) => (Date.parse(to) - Date.parse(from)) / 1000;
const count = (value) => (value == null ? "–" : NUMBER.format(value));
const plural = (value, one, many = `${one}s`) => `${count(value)} ${value === 1 ? one : many}`;
const perSecond = (value) => (value == null ? "–" : `${count(value < 10 ? Math.round(value * 10) / 10 : Math.round(value))}/s`);
const percent = (value, of) => (of ? Math.floor((100 * value) / of) : 0); // never 100 before the end
const words = (name) => name.replaceAll("_", " ");

function span(length) {
  if (length == null || Number.isNaN(length)) return "–";
  const s = Math.max(0, Math.round(length));
  if (s < 60) return length > 0 && length < 10 ? `${Math.max(0.1, Math.round(length * 10) / 10)} s` : `${s} s`;
  const both = (unit, name, below, nameBelow) => {
    const rest = Math.floor((s % unit) / below);
    return `${Math.floor(s / unit)} ${name}${rest ? ` ${rest} ${nameBelow}` : ""}`;
  };
  return s < 3600 ? both(60, "min", 1, "s") : s < 86400 ? both(3600, "h", 60, "min") : both(86400, "d", 3600, "h");
}

function clock(time) {
  if (!time) return "–";
  const date = new Date(time);
  const isToday = date.toDateString() === new Date(now()).toDateString();
  return h("time", { datetime: time, title: date.toISOString() }, (isToday ? TODAY : EARLIER).format(date));
}

const whole = (length) => span(Math.ceil(length)); // for a countdown
const about = (length) => `about ${span(length > 600 ? 60 * Math.round(length / 60) : length > 60 ? 10 * Math.round(length / 10) : Math.ceil(length))}`;

// Each state is a word, a shape and a tone.
const SHAPES = {
  ring: "M8 2.5a5.5 5.5 0 1 1 0 11a5.5 5.5 0 1 1 0-11",
  play: "M4 2.5v11l9.5-5.5z",
  clock: "M8 2.5a5.5 5.5 0 1 1 0 11a5.5 5.5 0 1 1 0-11M8 5v3.3l2.3 1.5",
  bars: "M4 3h3v10H4zM9 3h3v10H9z",
  diamond: "M8 1l7 7-7 7-7-7zM7.2 4.5v4.2h1.6V4.5zM7.2 10v1.6h1.6V10z",
  dots: "M2 6.5h3v3H2zM6.5 6.5h3v3h-3zM11 6.5h3v3h-3z",
  check: "M2.5 8.5l3.5 3.5 7.5-8",
  almost: "M2.5 6.5l3.5 3.5 7-7.5M3 14h10",
  unequal: "M3 6h10M3 10h10M11 2.5l-6 11",
  alarm: "M8 1l7.5 13.5H.5zM7.2 6v4.2h1.6V6zM7.2 11.4V13h1.6v-1.6z",
  bad: "M5 1h6l4 4v6l-4 4H5l-4-4V5zM5.3 4.2L4.2 5.3 6.9 8l-2.7 2.7 1.1 1.1L8 9.1l2.7 2.7 1.1-1.1L9.1 8l2.7-2.7-1.1-1.1L8 6.9z",
  cross: "M4 4l8 8M12 4l-8 8",
  stop: "M3 3h10v10H3z",
  question: "M5.2 5.8a2.8 2.8 0 1 1 4.3 2.4c-1 .6-1.5 1-1.5 2.3M8 12.4v1.4",
};
const LINES = new Set(["ring", "clock", "check", "almost", "unequal", "cross", "question"]); // drawn, not filled
const STATES = {
  pending: ["ring", "idle"], running: ["play", "go"], waiting: ["clock", "warn"], pausing: ["bars", "idle"],
  paused: ["bars", "idle"], held: ["diamond", "warn"], suspended: ["bars", "idle"], cancelling: ["cross", "idle"],
  ending: ["dots", "go"], lost: ["question", "bad"], completed: ["check", "go"],
  completed_with_rejects: ["almost", "warn"], completed_with_other_total: ["unequal", "warn"],
  completed_with_failures: ["alarm", "bad"], failed: ["bad", "bad"], cancelled: ["cross", "idle"], terminated: ["stop", "bad"],
};
const OPEN = ["pending", "running", "waiting", "pausing", "paused", "held", "suspended", "cancelling", "ending", "lost"];
const UNLISTED = ["pausing", "suspended", "ending", "lost"]; // the list of runs never has these
const TROUBLE = ["held", "failed", "completed_with_failures", "completed_with_rejects", "completed_with_other_total", "terminated"];
const isListed = (status) => !UNLISTED.includes(status);
const isOpen = (run) => OPEN.includes(run.status);

const shape = (name) => h("svg", { viewBox: "0 0 16 16", class: LINES.has(name) ? "shape lines" : "shape", "aria-hidden": "true" },
  h("path", { d: SHAPES[name], "fill-rule": "evenodd" }));

function badge(status) {
  const [form, tone] = STATES[status] ?? ["question", "idle"];
  return h("span", { class: `state ${tone}` }, shape(form), words(status));
}

// ---- the API --------------------------------------------------------------------------------------------------------

let key = sessionStorage.getItem("key") ?? "";
const known = new Map(); // by path: the last answer, with its ETag

class Problem extends Error {
  constructor(status, text, field, allowed) {
    super(text);
    Object.assign(this, { status, field, allowed });
  }
}

async function ask(method, path, { body, tag } = {}) {
  const headers = { ...(key && { "x-functions-key": key }), ...(tag && { "If-None-Match": tag }) };
  if (body) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(new URL(path, API), { method, headers, body: body && JSON.stringify(body), signal: AbortSignal.timeout(ANSWER_SECONDS * 1000) });
  } catch {
    throw new Problem(0, "The app does not answer. Is it running, and can this machine reach it?");
  }
  const date = Date.parse(answer.headers.get("date"));
  if (Math.abs(date - now()) > 2000) skew = date - Date.now();
  if (answer.ok || answer.status === 304) return answer;
  const details = await answer.json().catch(() => ({}));
  const isReadOnly = key && method !== "GET" && [401, 403].includes(answer.status);
  const fallback = isReadOnly ? "Your key does not allow this." : `The app answered HTTP ${answer.status} to ${method} ${path}.`;
  const text = details.detail ?? details.title ?? fallback;
  throw new Problem(answer.status, text, details.field, details.allowed);
}

async function get(path) {
  const last = known.get(path);
  const answer = await ask("GET", path, { tag: last?.tag });
  if (answer.status === 304) return last.body;
  const body = await answer.json();
  known.set(path, { tag: answer.headers.get("etag"), body });
  return body;
}

const post = async (path, body) => (await ask("POST", path, { body })).json();
const pathOf = (id, rest = "") => `runs/${encodeURIComponent(id)}${rest}`;

// ---- pieces of both views -------------------------------------------------------------------------------------------

const note = (tone, ...children) => h("p", { class: `note ${tone}` }, children);
const panel = (name, title, ...children) => h("section", { key: name, class: `panel ${name}`, "aria-labelledby": `of-${name}` },
  h("h2", { id: `of-${name}` }, title), children);
const facts = (...rows) => h("dl", { class: "facts" },
  rows.flatMap((it) => (Array.isArray(it?.[0]) ? it : [it])).filter(Boolean)
    .map(([name, ...value]) => h("div", null, h("dt", null, name), h("dd", null, value))));
const button = (text, onclick, more = {}) => h("button", { type: "button", onclick, ...more }, text);

function explain(error) {
  const where = error.field && !error.field.startsWith("(") ? [h("b", null, error.field), ": "] : [];
  return [where, error.message, error.allowed ? [h("br"), "Allowed: ", String(error.allowed)] : null];
}

function copier(text, what) {
  async function copy(event) {
    const pressed = event.currentTarget;
    try {
      await navigator.clipboard.writeText(text);
      pressed.textContent = "copied";
      setTimeout(() => (pressed.textContent = "copy"), 1500);
    } catch {
      getSelection().selectAllChildren(pressed.parentNode); // so that the person can copy it
    }
  }
  return button("copy", copy, { class: "small", "aria-label": `copy ${what}` });
}

const PARTS = ["enqueued", "rejected", "failed", "pending"];

function bar(p) {
  const all = Math.max(p.fetched ?? 0, (!p.source_exhausted && p.source_total) || 0);
  const summary = PARTS.map((name) => `${name} ${count(p[name])}`).join(", ");
  const part = (name) => h("i", { key: name, class: name, share: `${all ? (100 * p[name]) / all : 0}%` });
  return h("div", { class: "bar", role: "img", "aria-label": `fetched ${count(p.fetched)}: ${summary}` },
    PARTS.filter((name) => p[name] > 0).map(part));
}

// ---- the list -------------------------------------------------------------------------------------------------------

function listView(query) {
  const view = { title: "Runs", load, draw };
  let pages = 1, next = null, sources = [];
  view.rest = () => (view.runs?.some(isOpen) ? LIST_SECONDS : REST_SECONDS) * pages;

  const pageAfter = (token) => get(`runs?${token ? new URLSearchParams([...query, ["after", token]]) : query}`);

  // Read all shown pages again, so that no row is old. New runs push rows down, so read until the row that was the last.
  async function load() {
    const last = pages > 1 && view.runs.at(-1)?.started_at;
    let page = await pageAfter(), runs = page.runs, read = 1;
    for (; page.next && (read < pages || runs.at(-1)?.started_at > last); read++) {
      page = await pageAfter(page.next);
      runs = [...runs, ...page.runs];
    }
    [view.runs, next, pages] = [runs, page.next, read];
    if (!sources.length) sources = await get("sources").then((it) => it.sources.map((one) => one.name), () => []);
  }

  async function showOlder() {
    pages += 1;
    await load();
    render();
  }

  function filter(name, value) {
    const asked = new URLSearchParams(query);
    if (value) asked.set(name, value);
    else asked.delete(name);
    location.hash = `#/?${asked}`;
  }

  function draw() {
    const seen = new Set();
    const runs = (view.runs ?? []).filter((it) => !seen.has(it.run_id) && seen.add(it.run_id));
    return [
      h("div", { key: "head", class: "head" }, h("h1", { tabindex: "-1" }, "Runs"), filters()),
      !view.runs ? null : runs.length ? table(runs)
        : note("idle", next ? "None of the newest runs matches." : query.size ? "No run matches."
          : ["There is no run yet. ", h("a", { href: "#/start" }, "Start one"), "."]),
      next && button("Show older runs", () => showOlder().catch(fail), { key: "older" }),
    ];
  }

  function filters() {
    const option = (value, text = words(value)) => h("option", { value }, text);
    const groups = [option("", "every state"), option(OPEN.filter(isListed).join(), "under way"), option(TROUBLE.join(), "needs attention")];
    const names = [...new Set([...sources, ...(query.get("source") ? [query.get("source")] : [])])];
    const on = (name) => (event) => filter(name, event.target.value);
    const since = (event) => filter("from", event.target.value && new Date(`${event.target.value}T00:00`).toISOString().replace(".000", ""));
    const day = (time) => { // of this time zone, as all times of the page are
      const at = new Date(time), two = (it) => `${it}`.padStart(2, "0");
      return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
    };
    return h("div", { class: "filters", role: "group", "aria-label": "Show only" },
      h("label", null, "State",
        h("select", { value: query.get("status") ?? "", onchange: on("status") }, groups, Object.keys(STATES).filter(isListed).map((it) => option(it)))),
      h("label", null, "Source",
        h("select", { value: query.get("source") ?? "", onchange: on("source") }, option("", "every source"), names.map((it) => option(it, it)))),
      h("label", null, "Since", h("input", { type: "date", value: query.get("from") ? day(query.get("from")) : "", onchange: since })));
  }

  // The roles are explicit because a phone shows each row as a card, and the browser then no longer reports a table.
  const table = (runs) => h("table", { key: "runs", class: "runs", role: "table", "aria-label": "Runs, newest first" },
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" },
      [["State"], ["Run"], ["On the queue"], ["Average rate", "num"], ["Started"], ["Took", "num"], ["Outcome"]].map(([name, kind]) => h("th", { role: "columnheader", scope: "col", class: kind }, name)))),
    h("tbody", { role: "rowgroup" }, runs.map(row)));

  // The list has the counts of the last window; only the view of one run asks for newer counts.
  const isOld = (run) => isOpen(run) && now() - Date.parse(run.counts_at) > 1000 * STILL_SECONDS;

  function row(run) {
    const took = run.seconds ?? (isOpen(run) ? (now() - Date.parse(run.started_at)) / 1000 : null);
    const counted = run.seconds ?? seconds(run.started_at, run.counts_at);
    const isWhole = run.status.startsWith("completed") && run.status !== "completed_with_other_total"; // the total may count items that the run before had
    const total = Math.max((!isWhole && run.source_total) || 0, run.fetched ?? 0);
    const cell = (kind, ...children) => h("td", { role: "cell", class: kind }, children);
    return h("tr", { key: run.run_id, role: "row" },
      cell("is", badge(run.status)),
      h("th", { role: "rowheader", scope: "row" },
        h("a", { href: `#/runs/${encodeURIComponent(run.run_id)}` }, run.run_id), h("span", { class: "under" }, run.source)),
      cell("gauge",
        h("progress", { max: total || 1, value: total || !isWhole ? run.enqueued ?? 0 : 1, "aria-label": `${count(run.enqueued)} of ${count(total)} enqueued` }),
        h("span", { class: "under" }, `${count(run.enqueued)} of ${count(total)}`, isOld(run) ? [" at ", clock(run.counts_at)] : "")),
      cell("num rate", perSecond(counted > 0 ? run.enqueued / counted : null)),
      cell("started", clock(run.started_at)),
      cell("num took", span(took)),
      cell("outcome", outcome(run)));
  }

  function outcome(run) {
    const found = Object.entries({ failed: "bad", rejected: "warn" }).filter(([name]) => run[name] > 0)
      .map(([name, tone]) => h("span", { class: tone }, `${count(run[name])} ${name} `));
    const left = !isOpen(run) && run.pending > 0 ? `${count(run.pending)} left` : null;
    return [found, run.error ? h("span", { class: "why" }, run.error) : !found.length && run.status === "completed" ? "all enqueued" : left];
  }

  return view;
}

// ---- one run --------------------------------------------------------------------------------------------------------

function runView(id) {
  const view = { title: id, load, draw, rest: () => (run && !isOpen(run) ? REST_SECONDS : RUN_SECONDS), ticks: true };
  const panels = {}, asked = {}; // by name: {body, error} of a panel's own answer, and the state of the run at that time
  const seen = []; // counts between the lines of the timeline, recorded while this page was open
  let moved = {}; // the counts that this page saw last, and since when
  let run = null, polled = 0, asks = 0, lastStatus = null, payload = false, throttled = [];

  async function load() {
    run = await get(pathOf(id));
    const hasMoved = run.status !== lastStatus;
    if (lastStatus && hasMoved) say(`${id}: ${words(run.status)}`);
    lastStatus = run.status;
    throttled = [...throttled.slice(-9), { at: now(), seconds: run.sending?.throttled_seconds ?? 0 }];
    const { enqueued, counts_at: at, source_total: total, pending } = run.progress ?? {};
    if (enqueued !== moved.enqueued || pending !== moved.pending || hasMoved || failedPolls) moved = { enqueued, pending, at: now() };
    const second = seconds(run.started_at, at);
    if (second >= (seen.at(-1)?.seconds ?? 0) + SEEN_SECONDS) seen.push({ at, seconds: second, enqueued });
    if (seen.length > 400) seen.shift();
    view.title = `${isOpen(run) && total ? `${percent(enqueued, total)} % ` : ""}${words(run.status)} · ${id}`;
    if (hasMoved || now() - polled > 1000 * (isOpen(run) ? PANEL_SECONDS : REST_SECONDS)) loadPanels().then(() => current === view && render());
  }

  async function loadPanels() {
    polled = now();
    const p = counts();
    await Promise.all([
      beside("timeline", "/timeline"),
      beside("queues", "/queues"),
      anew("failures", "/failures", p.failed || p.chunks_failed),
      anew("rejected", `/rejected?examples=3&payload=${payload}`, p.rejected),
    ]);
  }

  // The app may read a blob for each chunk to answer these, so ask only when the count has changed.
  async function anew(name, rest, number) {
    const state = `${run.status} ${number}`;
    if (!(number > 0 || panels[name]) || (asked[name] === state && !panels[name].error)) return;
    await beside(name, rest);
    asked[name] = state;
  }

  async function beside(name, rest) {
    const turn = ++asks;
    const { body, error } = await get(pathOf(id, rest)).then((body) => ({ body }), (error) => ({ error }));
    const last = panels[name];
    if (last?.turn > turn) return; // the app has answered a later request first
    if (body) panels[name] = { turn, body, more: last?.body === body ? last.more : [], next: last?.body === body ? last.next : body.next };
    else if (error.status || !last) panels[name] = { turn, error }; // if the app does not answer, one note on the page says so
  }

  async function showMore(name, rest) {
    const it = panels[name], query = new URLSearchParams({ after: it.next });
    const page = await get(pathOf(id, `${rest}${rest.includes("?") ? "&" : "?"}${query}`));
    it.more.push(...page.groups);
    it.next = page.next;
    render();
  }

  const counts = () => ({ ...run.progress, ...run.report });

  // Return the groups of an answer and its further pages, summed by reason.
  function groups(name) {
    const byReason = new Map();
    for (const one of [...(panels[name]?.body?.groups ?? []), ...(panels[name]?.more ?? [])]) {
      const sum = byReason.get(one.reason);
      if (!sum) byReason.set(one.reason, { ...one });
      else for (const [field, value] of Object.entries(one)) {
        if (typeof value === "number") sum[field] += value;
        else if (field === "examples") sum.examples = [...sum.examples, ...value].slice(0, 10);
      }
    }
    return [...byReason.values()];
  }

  function draw() {
    const back = h("a", { class: "back", href: "#/" }, "Runs");
    if (!run) return [h("div", { key: "head", class: "head" }, h("div", null, back, h("h1", { tabindex: "-1" }, id))),
      problem?.status === 404 && note("idle", "The run was deleted, or started in another app than ", location.host, "; or the id is mistyped.")].filter(Boolean);
    const p = counts();
    return [
      h("div", { key: "head", class: "head" },
        h("div", null, back,
          h("div", { class: "title" }, h("h1", { tabindex: "-1" }, h("code", null, run.run_id), badge(run.status)), copier(run.run_id, "the run id")),
          h("p", { class: "under" }, "source ", h("b", null, run.source ?? "–"), " · started ", clock(run.started_at), " · ", took(p))),
        h("div", { class: "buttons" },
          run.actions.map((it) => button(WORDS[it].name, () => act(it), { key: it, class: WORDS[it].danger ? "danger" : "" })))),
      why(p),
      panel("counts", "Progress", progress(p)),
      h("div", { key: "left", class: "two" }, chunks(), throughput()),
      failures(p), rejects(p),
      h("div", { key: "ends", class: "two" }, source(), queue()),
      h("div", { key: "costs", class: "two" }, doubles(p), transactions()),
      timeline(), links(),
    ];
  }

  function took(p) {
    if (!isOpen(run)) return `took ${span(p.seconds ?? seconds(run.started_at, run.ended_at))}`;
    return `for ${span(Math.round((now() - Date.parse(run.started_at)) / 1000))}`;
  }

  // Say why the run is not progressing, or how it ended.
  function why(p) {
    const left = (time) => [whole((Date.parse(time) - now()) / 1000), " (at ", clock(time), ")"];
    const text = {
      pending: ["idle", "The run is started, but no worker has begun it yet."],
      pausing: ["idle", "A pause was sent. The run's work stops within seconds."],
      paused: ["idle", "Paused. The run fetches and sends nothing until somebody resumes or cancels it."],
      held: ["warn", "Held: the settings or the description of the source have changed since the start. ", h("b", null, p.changes ?? ""),
        ". Resume accepts the change; cancel ends the run; or undo the change."],
      suspended: ["idle", "Suspended with the Durable Functions API. Only its resume URL continues the run."],
      cancelling: ["idle", "A cancel was sent. The run's work stops within seconds, and the run ends."],
      ending: ["idle", "The run is closing its ledger and deleting its spool."],
      lost: ["bad", "A crash has ended the run's instance, or the instance is gone. The keeper restarts the run within about two minutes; or redrive it."],
      waiting: !p.wait_until ? ["warn", "Waiting for the source."] : ["warn",
        p.waiting_for === "outage" ? "The source is not available. " : "The source asks to wait. ", h("b", null, p.reason ?? ""),
        ". Next request in ", h("b", { class: "countdown" }, left(p.wait_until)),
        p.attempts ? `, after ${plural(p.attempts, "request")} without a page` : "", ". ",
        p.patience_until ? ["If no page comes, the run gives up",
          Date.parse(p.patience_until) - Date.parse(p.wait_until) < 1000 ? "." : [" after ", left(p.patience_until), "."]] : ""],
      running: p.waiting_for !== "outage" ? null : ["warn",
        "The source is not available. ", h("b", null, p.reason ?? ""), ". The run asks again",
        p.pending ? " while it sends what it has" : "",
        p.attempts ? `, after ${plural(p.attempts, "request")} without a page` : "", "."],
    }[run.status];
    const [first] = throttled, last = throttled.at(-1);
    const error = run.error ?? run.report?.error;
    const one = error ? note("bad", h("b", null, run.status === "failed" ? "Why it failed: " : "Why it ended: "), error)
      : text ? note(...text)
      : run.status === "running" && last.seconds > first.seconds
        ? note("warn", "The queue accepts at most ", h("b", null, perSecond(run.rate?.now)), ", so the sender waits.")
      : run.status === "running" && p.pending > 0 && !problem && now() - moved.at > 1000 * STILL_SECONDS
        ? note("warn", "No message has reached the queue for ", h("b", null, whole((now() - moved.at) / 1000)),
          ". The queue refuses requests and the app repeats them, or other runs use the workers.") : null;
    const next = run.actions.includes("redrive") && run.status !== "lost" && run.status !== "cancelled"
      ? note("idle", h("b", null, "Next: "), "remove the cause, then press Redrive. The run then repeats what failed, and does what is left.") : null;
    const warnings = (run.report?.warnings ?? []).map((it) => note("warn", h("b", null, words(it.warning)), ": ", it.message));
    return h("div", { key: "why" }, one, next, warnings);
  }

  function progress(p) {
    const term = (name) => h("span", { class: "term" }, h("i", { class: name, "aria-hidden": "true" }), `${name} `, h("b", null, count(p[name])));
    const plus = (sign) => h("span", { class: "sign" }, ` ${sign} `);
    const total = p.source_total == null ? "the source gives no total" : `the source says it has ${count(p.source_total)}`;
    const { known = 0, outside = 0 } = p.incremental ?? {};
    const aside = [known && `${count(known)} known from the run before`, outside && `${count(outside)} outside of the range`].filter(Boolean);
    const since = (time) => (now() - Date.parse(time)) / 1000;
    const { now: current, overall } = run.rate ?? {}, { seconds_left: remaining, rests_on: basis } = run.estimate ?? {};
    return [
      bar(p),
      h("p", { class: "identity" }, h("span", { class: "term" }, "fetched ", h("b", null, count(p.fetched))),
        PARTS.map((name, at) => [plus(at ? "+" : "="), term(name)])),
      h("p", { class: "under" }, `${p.source_exhausted ? "read to the end, " : ""}${[total, ...aside].join(", ")} · counted at `, clock(p.counts_at ?? p.finished_at),
        p.stale ? " · the app could not read the checkpoints, so newer counts are missing" : ""),
      facts(
        isOpen(run) && ["Rate now", h("b", null, perSecond(current))],
        ["Average rate", h("b", null, perSecond(overall))],
        isOpen(run) && ["Time left", h("b", null, remaining == null ? "unknown" : about(Math.max(0, remaining - since(p.counts_at)))),
          basis ? h("span", { class: "under" }, basis) : ""],
        !isOpen(run) && ["Took", h("b", null, span(p.seconds))],
      ),
    ];
  }

  const CELLS = { d: "done", f: "failed", w: "under way", p: "not yet" };

  function chunks() {
    const { total, per_cell: each = 1, cells = "" } = run.chunks ?? {};
    const tally = (kind) => [...cells].filter((it) => it === kind).length;
    const tallies = Object.entries(CELLS).filter(([kind]) => tally(kind)).map(([kind, name]) => `${tally(kind)} ${name}`).join(", ");
    const summary = `${each > 1 ? `Cells of ${each} chunks` : "Chunks"}: ${tallies}`;
    const numbers = (at) => (each > 1 ? `chunks ${count(at * each)} to ${count(Math.min(total, (at + 1) * each) - 1)}` : `chunk ${count(at)}`);
    const size = cells.length <= 40 ? "large" : cells.length <= 120 ? "middle" : "small";
    return panel("chunks", `Chunks: ${count(run.progress?.chunks_done)} of ${count(total)} done`,
      !cells ? h("p", { class: "under" }, "The run has no chunk yet.")
        : h("div", { class: `cells ${size}`, role: "img", "aria-label": summary },
          [...cells].map((kind, at) => h("i", { class: kind, title: `${numbers(at)}: ${CELLS[kind]}` }))),
      h("p", { class: "legend under" },
        Object.entries(CELLS).map(([kind, name]) => h("span", null, h("i", { class: kind, "aria-hidden": "true" }), name)),
        each > 1 ? h("span", null, `a cell is ${plural(each, "chunk")}, and shows the worst one`) : null));
  }

  function throughput() {
    const lines = panels.timeline?.body?.points ?? [];
    const between = seen.filter((it) => !lines.some((one) => Math.abs(one.seconds - it.seconds) < SEEN_SECONDS / 2));
    const points = [...lines, ...between].sort((one, other) => one.seconds - other.seconds)
      .filter((it, at, all) => !at || it.seconds > all[at - 1].seconds);
    const rate = (from, to) => Math.max(0, to.enqueued - from.enqueued) / (to.seconds - from.seconds);
    const steps = points.slice(1).map((to, at) => ({ from: points[at].seconds, to: to.seconds, rate: rate(points[at], to) }));
    const title = "Throughput";
    if (panels.timeline?.error) return panel("rates", title, note("bad", explain(panels.timeline.error)));
    if (!steps.length) return panel("rates", title, h("p", { class: "under" }, "The chart needs two counts."));
    const most = Math.max(...steps.map((it) => it.rate), 1), begin = steps[0].from, end = steps.at(-1).to;
    const x = (second) => ((1000 * (second - begin)) / (end - begin)).toFixed(1);
    const y = (rate) => (100 - (96 * rate) / most).toFixed(1);
    const line = steps.map((it) => `L${x(it.from)} ${y(it.rate)}L${x(it.to)} ${y(it.rate)}`).join("");
    const all = points.at(-1).enqueued / Math.max(0.001, end);
    const marks = (panels.timeline?.body?.events ?? []).map((it) => seconds(run.started_at, it.at)).filter((it) => it >= begin && it <= end);
    const summary = `Messages enqueued per second, over ${span(end - begin)}: ${perSecond(most)} at most, ${perSecond(all)} on average`;
    return panel("rates", title,
      h("figure", null,
        h("p", { class: "scale under" }, `${perSecond(Math.max(...steps.map((it) => it.rate)))} at most`),
        h("svg", { viewBox: "0 0 1000 100", preserveAspectRatio: "none", role: "img", "aria-label": summary },
          h("path", { class: "area", d: `M0 100${line}L1000 100z` }),
          h("path", { class: "line", d: `M0 ${y(steps[0].rate)}${line}` }),
          h("path", { class: "mean", d: `M0 ${y(Math.min(all, most))}H1000` }),
          marks.map((it) => h("path", { class: "mark", d: `M${x(it)} 92V100` }))),
        h("figcaption", { class: "scale under" },
          h("span", null, clock(points[0].at)), h("span", null, `- - ${perSecond(all)} on average`), h("span", null, clock(points.at(-1).at)))));
  }

  function source() {
    const it = run.reading;
    return it && panel("source", "Source", facts(
      ["Pagination", words(it.style ?? "–")], ["Pages read", count(it.pages)],
      ["Page size", [it.page_size && `${count(it.page_size)} requested`, it.page_size_got && `${count(it.page_size_got)} received`]
        .filter(Boolean).join(", ") || "unknown"],
      ["Asked to wait", it.refused == null ? "unknown" : plural(it.refused, "time")],
      ["End", it.ended ?? (run.progress?.source_exhausted ? "reached" : "not yet")]));
  }

  function queue() {
    const it = run.sending, { body, error } = panels.queues ?? {};
    const depth = (value) => (value == null ? "unknown" : count(value));
    return it && panel("queue", "Queue", facts(
      ["Queues", it.queues?.join(", ") || "–", it.shards > 1 ? ` (${plural(it.shards, "shard")})` : ""],
      ["Messages are", [it.format, it.encoding].filter(Boolean).join(", ") || "–"],
      ["Requests repeated", count(it.retries)], ["Time throttled", span(it.throttled_seconds)],
      body && ["On the queue, all runs", depth(body.depth)],
      body && ["On the poison queue", h("span", { class: body.poison_depth > 0 ? "bad" : "" }, depth(body.poison_depth))],
      body?.queues.length > 1 && body.queues.map((one) => [
        one.name, depth(one.depth), one.poison_depth > 0 ? h("span", { class: "bad" }, `, poison ${count(one.poison_depth)}`) : ""])),
      error && note("bad", explain(error)));
  }

  function failures(p) {
    const it = panels.failures;
    if (!it || (!groups("failures").length && !it.error)) return null;
    return panel("failures", `Failed: ${plural(p.failed, "message")}`,
      it.error ? note("bad", explain(it.error)) : h("table", null,
        h("thead", null, h("tr", null, [["Reason"], ["Chunks", "num"], ["Messages", "num"], ["Examples", "wide"]]
          .map(([name, kind]) => h("th", { scope: "col", class: kind }, name)))),
        h("tbody", null, groups("failures").map((one) => h("tr", null,
          h("td", null, one.reason), h("td", { class: "num" }, count(one.chunks)), h("td", { class: "num" }, count(one.messages)),
          h("td", { class: "wide" }, `chunk ${one.examples.join(", ")}`))))),
      h("div", { class: "buttons" },
        run.actions.includes("redrive") ? button("Redrive these", () => act("redrive"))
          : isOpen(run) ? h("p", { class: "under" }, "You can redrive them when the run has ended.") : null,
        it.next && button("More reasons", () => showMore("failures", "/failures").catch(fail))));
  }

  function rejects(p) {
    const it = panels.rejected, path = `/rejected?examples=3&payload=${payload}`;
    if (!it || (!groups("rejected").length && !it.error)) return null;
    const flip = () => ((payload = !payload), beside("rejected", `/rejected?examples=3&payload=${payload}`).then(render));
    const example = (one) => h("li", null, `chunk ${one.chunk}, message ${one.index}`,
      one.payload == null ? null : h("pre", { tabindex: "0" }, one.payload));
    return panel("rejected", `Rejected: ${plural(p.rejected, "message")} that no queue accepts`,
      it.error ? note("bad", explain(it.error)) : groups("rejected").map((one) => h("details", null,
        h("summary", null, h("b", null, count(one.count)), " ", one.reason), h("ul", null, one.examples.map(example)))),
      h("p", { class: "under" }, "A redrive does not send these. The ledger keeps them, each with its reason."),
      h("div", { class: "buttons" }, button(payload ? "Hide the content" : "Show the content", flip),
        it.next && button("More reasons", () => showMore("rejected", path).catch(fail))));
  }

  function doubles(p) {
    const recoveries = p.recoveries ?? [], bound = p.possible_duplicates ?? 0; // the latest three recoveries
    const restarts = Math.max(p.redrives ?? 0, recoveries.length); // `redrives` counts recoveries too
    const causes = [
      p.retries > 0 && `${plural(p.retries, "repeated request")} to the queue`,
      restarts > 0 && plural(restarts, "redrive or recovery", "redrives or recoveries"),
    ].filter(Boolean);
    return panel("doubles", "Possible duplicates and recoveries",
      h("p", null,
        bound ? ["At most ", h("b", { class: "warn" }, count(bound)), " queue messages may be on the queue twice, because an answer or a worker was lost. "]
          : "No message of a finished chunk is on the queue twice. ",
        causes.length ? `So far: ${causes.join(", ")}.` : ""),
      recoveries.length ? h("ul", null, recoveries.map((it) => h("li", null, clock(it.at), " the keeper restarted the run: ", it.cause))) : null);
  }

  function transactions() {
    const it = run.transactions;
    if (!it) return null;
    const { total, rests_on: basis, ...each } = it;
    return panel("transactions", "Storage transactions", h("p", null, "So far about ", h("b", null, count(total)), "."),
      h("details", null, h("summary", null, "By kind"),
        facts(...Object.entries(each).map(([name, value]) => [words(name), count(value)])), h("p", { class: "under" }, basis)));
  }

  function timeline() {
    const { events = [], full } = panels.timeline?.body ?? {};
    return events.length ? panel("timeline", "What happened",
      full ? note("warn", "The timeline is full: storage accepts no more lines, so later events are missing.") : null,
      h("ol", { tabindex: "0" }, events.toReversed().map((it) => h("li", null, clock(it.at), h("b", null, words(it.event)), ` ${it.text}`)))) : null;
  }

  function links() {
    const query = ["traces", `| extend facts = parse_json(extract(@"\\{.*\\}$", 0, message))`, `| where tostring(facts.run_id) == "${id}"`,
      "| project timestamp, severityLevel, facts", "| order by timestamp desc"].join("\n");
    return panel("links", "Details",
      run.report && h("details", null, h("summary", null, "Report"), h("pre", { tabindex: "0" }, JSON.stringify(run.report, null, 2))),
      h("details", null, h("summary", null, "Log query for Application Insights"), h("pre", { tabindex: "0" }, query), copier(query, "the query")),
      h("p", { class: "under" }, "Ledger, in the app's container: ", h("code", null, `runs/${id}/ `),
        copier(`runs/${id}/`, "the path of the ledger")));
  }

  function act(action) {
    const p = counts();
    dialog(WORDS[action], WORDS[action].text(run, p), async () => {
      if (action === "delete") {
        await ask("DELETE", pathOf(id));
        location.hash = "#/";
        return say(`${id} is deleted`);
      }
      await post(pathOf(id, `/${action}${action === "redrive" ? "?links=none" : ""}`));
      say(`${id}: sent ${action}`);
      for (const wait of [300, 1000]) setTimeout(() => current === view && poll(), wait); // it takes effect within a second
      return poll();
    });
  }

  return view;
}

// The texts of the dialogs: what each button will do.
const WORDS = {
  pause: {
    name: "Pause", title: "Pause this run?",
    text: () => ["The run's work stops within seconds. No message is lost, and none is sent twice.",
      "The run then waits until somebody resumes or cancels it."],
  },
  resume: {
    name: "Resume", title: "Resume this run?",
    text: (run, p) => (run.status !== "held" ? ["The run continues where it stopped."]
      : [`You accept this change: ${p.changes}.`, "From now on the run uses it, and its report says so."]),
  },
  cancel: {
    name: "Cancel", title: "Cancel this run?", danger: true,
    text: (run, p) => ["The run's work stops within seconds, and the run ends.",
      `Messages that were sent stay on the queue (${count(p.enqueued)} so far). A redrive can do the rest later.`],
  },
  redrive: {
    name: "Redrive", title: "Redrive this run?",
    text: (run, p) => [
      `The run repeats what failed (${plural(p.failed ?? 0, "message")}), and does what is left (${count(p.pending)} pending${p.source_exhausted ? "" : ", and the rest of the source"}).`,
      "It repeats every failed chunk, but does not send again what is already on the queue. Remove the cause first.",
    ],
  },
  delete: {
    name: "Delete", title: "Delete this run?", danger: true,
    text: () => ["This deletes the run's history, ledger (report, failures, rejects) and spool. Sluice cannot restore them.",
      "The messages stay on the queue. Afterwards a new run can use the run id."],
  },
};

let dialogs = 0;

function dialog({ name, title, danger }, lines, work) {
  const box = byId("dialog"), mine = ++dialogs;
  const isThere = () => box.open && mine === dialogs; // before the answer came, the person may have closed this dialog and opened another
  const show = (error, isBusy) => patch(box, [
    h("h2", { id: "dialog-title" }, title), lines.map((line) => h("p", null, line)), error && note("bad", explain(error)),
    h("div", { class: "buttons" },
      button("Do nothing", () => box.close(), { autofocus: true, disabled: isBusy }),
      button(isBusy ? "Sending …" : name, go, { class: danger ? "danger main" : "main", disabled: isBusy })),
  ].flat().filter(Boolean));
  async function go() {
    show(null, true);
    try {
      await work();
      if (isThere()) box.close();
    } catch (error) {
      if (isThere()) return show(error, false);
      say(error.message);
      fail(error);
    }
  }
  show(null, false);
  box.showModal();
}

// ---- the start of a run ---------------------------------------------------------------------------------------------

function startView(query) {
  const view = { title: "Start a run", load, draw, rest: () => Infinity };
  const given = { source: query.get("source") ?? "", parameters: {} };
  let sources = null, plan = null, problem = null, busy = "";

  async function load() {
    if (sources) return; // keep what the person has typed
    sources = (await get("sources")).sources;
    if (!given.source && sources.length) given.source = (sources.find((it) => !it.problem) ?? sources[0]).name;
    name();
  }

  const chosen = () => sources?.find((it) => it.name === given.source);
  // The page makes the run id, so that pressing twice, or again after a lost answer, starts one run.
  function name() {
    given.run_id = `${given.source}-${new Date(now()).toISOString().replace(/\D/g, "").slice(0, 14)}`; // 40 and 14 characters at most
  }

  function body() {
    const filled = (fields) => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== "" && value != null));
    const { parameters, chunk_size, total_is_exact, ...others } = filled(given), chosen = filled(parameters);
    return {
      ...others, ...(Object.keys(chosen).length && { parameters: chosen }), ...(chunk_size && { chunk_size: Number.isNaN(+chunk_size) ? chunk_size : +chunk_size }),
      ...(total_is_exact && { total_is_exact: true }),
    };
  }

  async function doing(what, work) {
    [busy, problem] = [what, null];
    render();
    try {
      await work();
    } catch (error) {
      problem = error;
      say(error.message);
    }
    busy = "";
    render();
  }

  const makePlan = () => doing("plan", async () => {
    plan = null;
    plan = await post("plan", body());
    say("The plan is ready.");
  });
  const start = () => doing("start", async () => {
    const { run_id } = await post("runs?links=none", body());
    location.hash = `#/runs/${encodeURIComponent(run_id)}`;
  });

  function draw() {
    const head = h("div", { key: "head", class: "head" }, h("h1", { tabindex: "-1" }, "Start a run"));
    if (!sources) return [head];
    if (!sources.length) return [head, note("idle", "The app has no source: describe one in sources.toml.")];
    const it = chosen(), isPlanned = plan && !plan.problems?.length;
    return [head, h("div", { key: "start", class: "start" },
      h("form", { key: "form", class: "panel form", onsubmit: (event) => (event.preventDefault(), isPlanned ? start() : makePlan()) },
        fields(it), problem && note("bad", explain(problem)),
        h("div", { class: "buttons" },
          button(busy === "plan" ? "Reading two pages …" : "Plan", makePlan, { class: isPlanned ? "" : "main", disabled: !!busy }),
          button(busy === "start" ? "Starting …" : "Start the run", start, { class: isPlanned ? "main" : "", disabled: !!busy })),
        h("p", { class: "under" }, "A plan reads at most two pages. It stores nothing and sends nothing.")),
      plan && planned(plan))];
  }

  function field(label, name, properties = {}, hint = "", holder = given) {
    const oninput = (event) => ((holder[name] = event.target.value), (plan = null), render());
    const id = holder === given ? name : `parameter-${name}`, value = holder[name] ?? "";
    return labelled(label, id, hint, (its) => (properties.options
      ? h("select", { ...its, value, onchange: oninput }, properties.options.map(([each, text]) => h("option", { value: each }, text)))
      : h("input", { ...its, value, autocomplete: "off", spellcheck: "false", ...properties, oninput })));
  }

  const labelled = (label, name, hint, control) => h("div", { key: `${name}-${given.source}`, class: "field" },
    h("label", { for: `field-${name}` }, label),
    control({ id: `field-${name}`, "aria-describedby": hint ? `hint-${name}` : null }),
    hint ? h("p", { id: `hint-${name}`, class: "under" }, hint) : null);

  function fields(it) {
    function choose(event) {
      Object.assign(given, { source: event.target.value, parameters: {}, from: "", to: "" });
      plan = problem = null;
      name();
      render();
    }
    const about = [it?.host, words(it?.style ?? ""), it?.incremental && "incremental", it?.schedule && `scheduled at ${it.schedule}`]
      .filter(Boolean).join(" · ");
    const unset = (one) => (one.default == null ? "choose" : `${one.default} (default)`);
    const allowed = (one) => (one.allowed
      ? { options: [["", unset(one)], ...one.allowed.map((value) => [value, value])] } : { placeholder: one.default ?? "" });
    return [
      labelled("Source", "source", [about, it?.next_due ? [" · next ", clock(it.next_due)] : ""],
        (its) => h("select", { ...its, value: given.source, onchange: choose }, sources.map((one) => h("option", { value: one.name }, one.name)))),
      it?.problem ? note("bad", it.problem) : null,
      Object.entries(it?.parameters ?? {}).map(([parameter, one]) =>
        field(parameter, parameter, allowed(one), one.pattern ? `matches ${one.pattern}` : "", given.parameters)),
      it?.incremental ? [
        field("From", "from", { placeholder: "where the last run ended" },
          "A range starts a backfill, which does not move the watermark. Example: 2026-11-01T00:00:00Z"),
        field("To", "to"),
      ] : null,
      h("details", { key: "more" }, h("summary", null, "More"),
        field("Run id", "run_id", { maxlength: "64" }, "letters, digits, - and _; repeating the same start changes nothing"),
        field("Messages in a chunk", "chunk_size", { inputmode: "numeric", placeholder: "the app's setting" }),
        field("Tolerated failures", "tolerated_failures", { placeholder: "0%" }, "a share such as 1%, at most 50%"),
        field("If the number of items differs from the source's total", "total_is_exact", { options: [["", "the run reports it"], ["1", "the run fails"]] })),
    ];
  }

  function planned(it) {
    const { expect } = it;
    return panel("plan", `Plan for ${it.source}`,
      (it.problems ?? []).map((one) => note("bad", one.field ? [h("b", null, one.field), ": "] : "", one.message)),
      facts(
        ["Items", count(expect.items), expect.pages == null ? "" : ` on ${plural(expect.pages, "page")}`],
        ["Time", expect.seconds == null ? "unknown" : about(expect.seconds)],
        ["Instances", count(expect.instances)], ["Storage transactions", count(expect.transactions?.total)],
        ["Money, about", expect.money ? `${expect.money.total} ${expect.money.currency}` : "unknown", expect.money ? ` by ${expect.money.rests_on}` : ""],
        ["Total of the source", count(it.total)], ["Next page", it.next ?? "none"], ["End", it.end ?? "–"],
        ["Read for this plan", `${plural(it.pages_read ?? 0, "page")}, ${plural(it.page_items ?? 0, "item")}`]),
      expect.rests_on ? h("p", { class: "under" }, expect.rests_on) : null,
      it.items.length ? h("h3", null, "The first messages, as the run would send them") : null,
      it.items.map((one) => [
        h("pre", { tabindex: "0" }, one.text),
        h("p", { class: "under" }, `${plural(one.bytes, "byte")} of 65,536${one.messages > 1 ? `, a pack of ${count(one.messages)}` : ""}`),
      ]));
  }

  return view;
}

// ---- the key --------------------------------------------------------------------------------------------------------

const REFUSED = "The app does not accept this key here. The key of a function opens that function only; the host key opens all.";

function keyForm() {
  const enter = (event) => {
    event.preventDefault();
    key = byId("key-field").value.trim();
    sessionStorage.setItem("key", key);
    poll();
  };
  return [h("form", { key: "key", class: "panel form", onsubmit: enter },
    h("h1", { tabindex: "-1" }, "This app needs a key"),
    key ? note("bad", REFUSED) : null,
    h("div", { class: "field" },
      h("label", { for: "key-field" }, "Function key"),
      h("input", { id: "key-field", type: "password", autocomplete: "off", required: true })),
    h("p", { class: "under" }, "A host key or a function key. The page keeps it for this tab only, and sends it to this app only."),
    h("div", { class: "buttons" }, h("button", { class: "main" }, "Open")))];
}

function forgetKey() {
  key = "";
  sessionStorage.removeItem("key");
  known.clear();
  current = viewOf(location.hash);
  poll();
}

// ---- which view, and when to poll again -----------------------------------------------------------------------------

let current = null, problem = null, turn = 0, timer = 0, failedPolls = 0;

function viewOf(hash) {
  const [, path = "", query = ""] = /^#\/([^?]*)\??(.*)$/.exec(hash) ?? [];
  const [place, id] = path.split("/");
  if (place === "runs" && id) return runView(id); // an id has only letters, digits, - and _
  return place === "start" ? startView(new URLSearchParams(query)) : listView(new URLSearchParams(query));
}

function say(text) {
  byId("said").textContent = text;
}

function fail(error) {
  problem = error;
  render();
}

function render() {
  document.title = `${current.title} · Sluice`;
  byId("key").hidden = !key;
  const trouble = problem && h("div", { key: "trouble" }, note("bad", explain(problem), problem.status === 0 ? " The page tries again." : ""));
  patch(byId("main"), problem?.status === 401 ? keyForm() : [trouble, ...current.draw()].filter(Boolean));
  if (problem?.status === 401 && document.activeElement === document.body) byId("key-field").focus();
}

async function poll() {
  clearTimeout(timer);
  const mine = ++turn, view = current;
  try {
    await view.load();
    if (mine === turn && failedPolls) say("The app is answering again.");
    if (mine === turn) [problem, failedPolls] = [null, 0];
  } catch (error) {
    if (!(error instanceof Problem)) console.error(error);
    if (mine === turn) [problem, failedPolls] = [error, failedPolls + 1];
    if (failedPolls === 1) say(error.status !== 401 ? error.message : key ? REFUSED : "This app needs a key.");
  }
  if (mine !== turn) return;
  render();
  const rest = failedPolls ? Math.min(REST_SECONDS, 2 ** failedPolls) : view.rest() * (document.hidden ? 10 : 1);
  if (rest < Infinity && problem?.status !== 401) timer = setTimeout(poll, 1000 * rest);
}

function go(event) {
  known.clear();
  byId("dialog").close();
  [problem, failedPolls] = [null, 0];
  current = viewOf(location.hash);
  render();
  if (event) document.querySelector("h1")?.focus();
  poll();
}

byId("host").textContent = location.host;
byId("key").onclick = forgetKey;
addEventListener("hashchange", go);
document.addEventListener("visibilitychange", () => document.hidden || poll());
setInterval(() => document.hidden || !current.ticks || problem?.status === 401 || render(), 1000); // countdowns
go();
