// Starts Azurite as it is, but for how its queue store finds messages; docs/decisions.md has the figures.
//
// Azurite 3.37.0 scans every message of the account and rebuilds its indexes at each receive, peek and delete, so that a
// queue of 100,000 could not be read back in an hour: here each queue remembers in which order its messages become
// visible. And each put inserts into sorted indexes, which moves as many entries as there are messages: here what is
// looked up by its id is found by a hash. And once a minute it looks for texts that belong to no message, for which it
// stops answering, the longer the more there are (13 s with 600,000): here it does not. The answers stay the same.
"use strict";

const { Collection } = require("lokijs");
const Extents = require("azurite/dist/src/common/persistence/LokiExtentMetadataStore.js").default;
const Sweeper = require("azurite/dist/src/queue/gc/QueueGCManager.js").default;
const Store = require("azurite/dist/src/queue/persistence/LokiQueueMetadataStore.js").default;

const { init, insertMessage, updateMessage, clearMessages, clearExpiredMessages } = Store.prototype;
const azurite = { init, insertMessage, updateMessage, clearMessages, clearExpiredMessages };

/** The order in which the messages of one queue become visible, as positions in time and $loki ids. */
class VisibleOrder {
  constructor(collection, account, queue) {
    this.collection = collection;
    this.inQueue = (message) => message.accountName === account && message.queueName === queue;
    this.scan();
  }

  /** Reads the whole queue once: at the start, and when a hidden message is due or a message may have expired. */
  scan() {
    const now = Date.now();
    const messages = this.collection.data.filter(this.inQueue);
    const earliest = (times) => times.reduce((first, time) => Math.min(first, time), Infinity);
    this.visible = messages
      .filter((message) => message.timeNextVisible <= now)
      .sort((a, b) => a.timeNextVisible - b.timeNextVisible || a.$loki - b.$loki)
      .map((message) => message.$loki);
    this.taken = 0;
    this.nextDue = earliest(messages.map((message) => message.timeNextVisible).filter((due) => due > now));
    this.nextExpiry = earliest(messages.map((message) => Number(new Date(message.expirationTime))));
  }

  insert(message) {
    this.nextExpiry = Math.min(this.nextExpiry, Number(new Date(message.expirationTime)));
    if (message.timeNextVisible <= Date.now()) this.visible.push(message.$loki);
    else this.hide(message.timeNextVisible);
  }

  hide(until) {
    this.nextDue = Math.min(this.nextDue, until);
  }

  /** The first `count` visible messages; they stay in the queue, and the caller hides them. */
  take(count, now) {
    if (this.nextDue <= now) this.scan();
    const messages = [];
    while (messages.length < count && this.taken < this.visible.length) {
      const message = this.collection.get(this.visible[this.taken++]);
      if (message && message.timeNextVisible <= now) messages.push(message);
    }
    return messages;
  }
}

const orders = new WeakMap(); // one Map of queue -> VisibleOrder for each store

function messagesOf(store) {
  return store.db.getCollection(store.MESSAGES_COLLECTION);
}

function orderOf(store, account, queue) {
  if (!orders.has(store)) orders.set(store, new Map());
  const ofStore = orders.get(store);
  const key = `${account}/${queue}`;
  if (!ofStore.has(key)) ofStore.set(key, new VisibleOrder(messagesOf(store), account, queue));
  return ofStore.get(key);
}

/** Replaces the sorted indexes of a collection by one hash index. */
function findByHash(collection, field) {
  for (const name of Object.keys(collection.binaryIndices)) delete collection.binaryIndices[name];
  collection.ensureUniqueIndex(field);
}

const findOne = Collection.prototype.findOne;

Collection.prototype.findOne = function (query) {
  const field = this.uniqueNames.find((name) => typeof query?.[name] === "string");
  if (!field) return findOne.call(this, query);
  const found = this.by(field, query[field]);
  return found && Object.keys(query).every((name) => found[name] === query[name]) ? found : null;
};

Store.prototype.init = async function () {
  await azurite.init.call(this);
  findByHash(messagesOf(this), "messageId");
};

Sweeper.prototype.markSweep = async function () {};

const initExtents = Extents.prototype.init;

Extents.prototype.init = async function () {
  await initExtents.call(this);
  findByHash(this.db.getCollection(this.EXTENTS_COLLECTION), "id");
};

Store.prototype.insertMessage = async function (message, context) {
  const order = orderOf(this, message.accountName, message.queueName);
  const inserting = azurite.insertMessage.call(this, message, context); // inserts before it first waits
  const last = messagesOf(this).data.at(-1);
  if (last && last.messageId === message.messageId) order.insert(last);
  await inserting;
};

Store.prototype.getMessages = async function (account, queue, hiddenUntil, popReceipt, count, now, context) {
  this.checkQueueExist(account, queue, context);
  this.clearExpiredMessages(account, queue, context);
  const order = orderOf(this, account, queue);
  const collection = messagesOf(this);
  const messages = order.take(Math.max(count || 1, 1), Number(now || new Date()));
  for (const message of messages) {
    message.timeNextVisible = hiddenUntil.getTime();
    message.popReceipt = popReceipt;
    message.dequeueCount = Number(message.dequeueCount) + 1;
    order.hide(message.timeNextVisible);
  }
  collection.dirty = collection.dirty || messages.length > 0; // for Azurite's periodic save; no index holds these fields
  return messages.map((message) => this.messageCopy(message));
};

Store.prototype.updateMessage = async function (message, popReceipt, context) {
  await azurite.updateMessage.call(this, message, popReceipt, context);
  orderOf(this, message.accountName, message.queueName).hide(message.timeNextVisible.getTime());
};

Store.prototype.clearMessages = async function (account, queue, context) {
  await azurite.clearMessages.call(this, account, queue, context);
  orderOf(this, account, queue).scan();
};

Store.prototype.clearExpiredMessages = async function (account, queue, context) {
  const order = orderOf(this, account, queue);
  if (Date.now() < order.nextExpiry) return;
  await azurite.clearExpiredMessages.call(this, account, queue, context);
  order.scan();
};

require("azurite/dist/src/azurite.js");
