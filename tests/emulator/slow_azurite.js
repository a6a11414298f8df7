// Starts local/emulator/azurite.js as on a busy machine: a receive is handled up to 50 ms after it began, in any order.
"use strict";

const path = require("path");
const { createRequire } = require("module");
const { setTimeout: pass } = require("timers/promises");

const emulator = path.resolve(__dirname, "../../local/emulator/azurite.js");
const load = createRequire(emulator);
load(emulator);
const Store = load("azurite/dist/src/queue/persistence/LokiQueueMetadataStore.js").default;
const { getMessages } = Store.prototype;

Store.prototype.getMessages = async function (...request) {
  await pass(Math.random() * 50);
  return getMessages.apply(this, request);
};

load("azurite/dist/src/azurite.js");
