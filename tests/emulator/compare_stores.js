// Do the same random steps in Azurite's own queue store and in that of local/emulator/azurite.js, and compare the answers.
//
// node compare_stores.js AZURITE_JS FOLDER SEED STEPS: ends with 0 if all answers are the same; otherwise it prints the
// first step that differs, and the fewest of the steps before it that still lead to a difference. The clock moves only
// with the steps. A step's request time lies up to 15 ms before it is handled, so requests are handled out of order.
"use strict";

const fs = require("fs");
const path = require("path");
const { createRequire } = require("module");

const [azuriteFile, folder, seed, count] = process.argv.slice(2);
const STORE = "azurite/dist/src/queue/persistence/LokiQueueMetadataStore.js";
const QUEUES = [["one", "a"], ["one", "b"], ["two", "a"]];
const FAR = [0, 0, 0, 1, 2, 3, 5, 8, 13, 40, 300, 5000]; // milliseconds, of which many are equal
const BEGUN = Date.UTC(2026, 0, 1);

let clock = BEGUN;
const RealDate = Date;
global.Date = class extends RealDate {
  constructor(...given) {
    super(...(given.length > 0 ? given : [clock]));
  }
  static now() {
    return clock;
  }
};

const load = createRequire(path.resolve(azuriteFile));
const Plain = load(STORE).default;
for (const file of Object.keys(require.cache)) delete require.cache[file]; // a second copy, for the patch to change
load(path.resolve(azuriteFile));
const Patched = load(STORE).default;
if (Plain === Patched || String(Plain.prototype.getMessages) === String(Patched.prototype.getMessages)) {
  throw new Error(`${azuriteFile} does not replace getMessages: there is nothing to compare`);
}

function randomFrom(seedNumber) {
  let state = seedNumber >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0; // mulberry32
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const KINDS = { put: 30, receive: 26, peek: 8, update: 12, remove: 24, count: 2, clear: 0.2, drop: 0.2, restart: 0.1 };

function makeSteps(random) {
  const table = Object.entries(KINDS).flatMap(([kind, weight]) => Array(Math.round(weight * 10)).fill(kind));
  const far = () => FAR[random(FAR.length)];
  return Array.from({ length: Number(count) }, (_, number) => ({
    number,
    kind: table[random(table.length)],
    queue: QUEUES[random(QUEUES.length)],
    passed: random(60) === 0 ? 6000 : random(4), // since the step before
    late: random(2) === 0 ? random(16) : 0, // from the request to its handling
    hidden: far(),
    life: [10, 700, 7000, 7_000_000, 7_000_000][random(5)],
    most: [undefined, 1, 2, 5, 32][random(5)],
    pick: random(1 << 30),
  }));
}

/** One store, and the messages of its clients; each method is a step and returns what a client sees. */
class Side {
  constructor(Store, file, isPlain) {
    Object.assign(this, { Store, file, isPlain, held: [] });
  }

  async open() {
    this.store = new this.Store(this.file, false);
    await this.store.init();
    this.messages = this.store.db.getCollection("$MESSAGES_COLLECTION$");
    // From disk they are texts, which plain Azurite compares as later than any time.
    if (this.isPlain) for (const message of this.messages.data) message.expirationTime = new Date(message.expirationTime);
    for (const [accountName, name] of QUEUES) await this.store.createQueue({ accountName, name });
  }

  put({ number, queue: [accountName, queueName], hidden, life }, request) {
    const expirationTime = new Date(request + life);
    const timeNextVisible = new Date(request + Math.min(hidden, life));
    const persistency = { id: "text", offset: number, count: 1 };
    const message = { accountName, queueName, messageId: `m${number}`, popReceipt: `r${number}`, dequeueCount: 0 };
    if (number % 4 === 0) this.hold(message);
    return this.store.insertMessage({ ...message, timeNextVisible, expirationTime, persistency, insertionTime: new Date(request) });
  }

  async receive({ number, queue, hidden, most }, request) {
    const until = new Date(request + hidden);
    const found = await this.store.getMessages(...queue, until, `r${number}`, most, new Date(request));
    found.forEach((message) => this.hold(message));
    return found;
  }

  peek({ queue, most }, request) {
    return this.store.peekMessages(...queue, most, new Date(request));
  }

  async update({ number, pick, hidden }, request) {
    const { popReceipt, ...message } = this.pick(pick);
    const timeNextVisible = new Date(request + hidden);
    const persistency = pick % 2 ? { id: "new text", offset: number, count: 1 } : undefined;
    await this.store.updateMessage({ ...message, popReceipt: `r${number}`, timeNextVisible, persistency }, popReceipt);
    this.hold({ ...message, popReceipt: `r${number}` });
  }

  remove({ pick }) {
    const { accountName, queueName, messageId, popReceipt } = this.pick(pick);
    return this.store.deleteMessage(accountName, queueName, messageId, popReceipt);
  }

  count({ queue }) {
    return this.store.getMessagesCount(...queue);
  }

  clear({ queue }) {
    return this.store.clearMessages(...queue);
  }

  async drop({ queue: [accountName, name] }) {
    await this.store.deleteQueue(accountName, name);
    const refusal = await answer(this, "peek", { queue: [accountName, name] }, clock);
    return [refusal, await this.store.createQueue({ accountName, name })];
  }

  async restart() {
    await this.store.close();
    await this.open();
  }

  hold({ accountName, queueName, messageId, popReceipt }) {
    this.held.push({ accountName, queueName, messageId, popReceipt });
    if (this.held.length > 60) this.held.shift();
  }

  pick(pick) {
    const none = { accountName: "one", queueName: "a", messageId: "none", popReceipt: "none" };
    return this.held.length > 0 ? this.held[pick % this.held.length] : none;
  }

  /** Return the whole content of the store, without Loki's own fields. */
  all() {
    return this.messages.data.map(({ meta, ...message }) => ({ ...message, expirationTime: new Date(message.expirationTime) }));
  }
}

async function answer(side, kind, step, request) {
  try {
    return JSON.stringify(await side[kind](step, request)) ?? "done";
  } catch (error) {
    if (side.isPlain && !error.storageErrorCode) throw error;
    return error.storageErrorCode ?? String(error);
  }
}

/** Return the first step with different answers, and both answers; undefined if there is none. */
async function firstDifference(steps) {
  clock = BEGUN;
  const where = fs.mkdtempSync(path.join(folder, "stores-"));
  const sides = [new Side(Plain, path.join(where, "plain"), true), new Side(Patched, path.join(where, "patched"), false)];
  for (const side of sides) await side.open();
  const last = { number: steps.length, kind: "all", passed: 0, late: 0 };
  for (const [index, step] of [...steps, last].entries()) {
    clock += step.passed;
    const [plain, patched] = [
      await answer(sides[0], step.kind, step, clock - step.late),
      await answer(sides[1], step.kind, step, clock - step.late),
    ];
    if (plain !== patched) return { index, plain, patched };
  }
  for (const side of sides) await side.store.close();
  fs.rmSync(where, { recursive: true });
  return undefined;
}

/** Remove the steps that are not needed for a difference, in ever smaller pieces. */
async function shrink(steps) {
  let kept = steps;
  for (let size = Math.ceil(kept.length / 2), tries = 0; size >= 1; size = Math.floor(size / 2)) {
    for (let from = 0; from < kept.length && tries < 300; tries++) {
      const fewer = [...kept.slice(0, from), ...kept.slice(from + size)];
      const difference = await firstDifference(fewer);
      if (difference) kept = fewer.slice(0, difference.index + 1);
      else from += size;
    }
  }
  return kept;
}

async function main() {
  const steps = makeSteps(randomFrom(Number(seed)));
  const difference = await firstDifference(steps);
  if (!difference) process.exit(0);
  const prefix = steps.slice(0, difference.index + 1);
  console.log(`seed ${seed}: step ${difference.index} of ${count} is answered differently; the fewest steps that show it:`);
  const fewest = await shrink(prefix);
  for (const step of fewest) console.log(JSON.stringify(step));
  const { plain, patched } = await firstDifference(fewest);
  console.log(`plain Azurite: ${plain}\npatched:       ${patched}`);
  process.exit(1);
}

main().catch((error) => {
  console.error(error);
  process.exit(2);
});
