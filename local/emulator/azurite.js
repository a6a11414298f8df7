// Start Azurite with a faster queue store; docs/decisions.md has the figures.
//
// Azurite 3.37.0 has four slow parts, which this file replaces. Each receive, peek and delete scans every message of the
// account and rebuilds its indexes, so reading back a queue of 100,000 took more than an hour: here each queue has its
// messages in the order of their times. Each put inserts into sorted indexes and so moves as many entries as there are
// messages: here a hash finds a message by its id. Once a minute Azurite searches for texts without a message and does
// not answer meanwhile (13 s with 600,000 messages): here it does not search. Every ten minutes it deletes the data of
// overwritten and deleted blobs, and searches all data for each: after a minute of uploads it did not answer for more
// than 90 s. Here it finds data by a hash, and answers meanwhile. The answers stay the same, with one
// exception: a message that was loaded from disk expires in time; plain Azurite keeps it for ever.
"use strict";

const { Collection } = require("lokijs");
const Extents = require("azurite/dist/src/common/persistence/LokiExtentMetadataStore.js").default;
const Sweeper = require("azurite/dist/src/queue/gc/QueueGCManager.js").default;
const Store = require("azurite/dist/src/queue/persistence/LokiQueueMetadataStore.js").default;

/** Ids by time, then by id: a heap with the place of each id. */
class TimeOrder {
  constructor() {
    this.entries = [];
    this.places = new Map();
  }

  /** Add an id, or move it to another time. */
  set(id, time) {
    const place = this.places.get(id) ?? this.entries.length;
    this.settle({ id, time }, place);
  }

  delete(id) {
    const place = this.places.get(id);
    if (place === undefined) return;
    this.places.delete(id);
    const last = this.entries.pop();
    if (last.id !== id) this.settle(last, place);
  }

  /** Return the first `count` ids whose time is `until` or earlier; keep them in the heap. */
  first(count, until) {
    const found = [];
    while (found.length < count && this.entries.length > 0 && this.entries[0].time <= until) {
      found.push(this.entries[0]);
      this.delete(this.entries[0].id);
    }
    for (const { id, time } of found) this.set(id, time);
    return found.map(({ id }) => id);
  }

  /** Move an entry from a free place to its right place. */
  settle(entry, free) {
    let place = free;
    for (let parent = (place - 1) >> 1; place > 0 && isBefore(entry, this.entries[parent]); parent = (place - 1) >> 1) {
      this.fill(place, this.entries[parent]);
      place = parent;
    }
    for (let child = this.childOf(place); child && isBefore(child, entry); child = this.childOf(place)) {
      const next = this.places.get(child.id);
      this.fill(place, child);
      place = next;
    }
    this.fill(place, entry);
  }

  childOf(place) {
    const [left, right] = [this.entries[2 * place + 1], this.entries[2 * place + 2]];
    return right && isBefore(right, left) ? right : left;
  }

  fill(place, entry) {
    this.entries[place] = entry;
    this.places.set(entry.id, place);
  }
}

function isBefore(a, b) {
  return a.time < b.time || (a.time === b.time && a.id < b.id);
}

/** The messages of a collection by queue and time; the collection notifies it of each change. */
class MessageOrders {
  constructor(collection) {
    this.collection = collection;
    this.queues = new Map();
    const put = (message) => {
      const order = this.of(message.accountName, message.queueName);
      order.visible.set(message.$loki, message.timeNextVisible);
      order.expired.set(message.$loki, Number(new Date(message.expirationTime))); // a text if loaded from disk
    };
    collection.data.forEach(put);
    collection.on(["insert", "update"], put);
    collection.on("delete", (message) => {
      const order = this.of(message.accountName, message.queueName);
      order.visible.delete(message.$loki);
      order.expired.delete(message.$loki);
    });
  }

  of(account, queue) {
    const key = `${account}/${queue}`;
    if (!this.queues.has(key)) this.queues.set(key, { visible: new TimeOrder(), expired: new TimeOrder() });
    return this.queues.get(key);
  }

  /** Return the first messages that are "visible" or "expired" at a time. */
  first(kind, account, queue, count, time) {
    return this.of(account, queue)[kind].first(count, time).map((id) => this.collection.get(id));
  }
}

/** Replace the sorted indexes of a collection with one hash index. */
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

Sweeper.prototype.markSweep = async function () {};

const initExtents = Extents.prototype.init;

Extents.prototype.init = async function () {
  await initExtents.call(this);
  findByHash(this.db.getCollection(this.EXTENTS_COLLECTION), "id");
};

Extents.prototype.deleteExtent = async function (id) {
  const extents = this.db.getCollection(this.EXTENTS_COLLECTION);
  const found = extents.by("id", id);
  if (found) extents.remove(found);
  await new Promise(setImmediate); // answer requests meanwhile
};

const initMessages = Store.prototype.init;

Store.prototype.init = async function () {
  await initMessages.call(this);
  const collection = this.db.getCollection(this.MESSAGES_COLLECTION);
  findByHash(collection, "messageId");
  this.orders = new MessageOrders(collection);
};

Store.prototype.peekMessages = async function (account, queue, count = 1, now = new Date(), context) {
  this.checkQueueExist(account, queue, context);
  this.clearExpiredMessages(account, queue, context);
  const messages = this.orders.first("visible", account, queue, count, now.getTime());
  return messages.map((message) => this.messageCopy(message));
};

Store.prototype.getMessages = async function (account, queue, hiddenUntil, popReceipt, count, now, context) {
  this.checkQueueExist(account, queue, context);
  this.clearExpiredMessages(account, queue, context);
  const time = Number(now || new Date());
  const messages = this.orders.first("visible", account, queue, Math.max(count || 1, 1), time);
  for (const message of messages) {
    message.timeNextVisible = hiddenUntil.getTime();
    message.popReceipt = popReceipt;
    message.dequeueCount = Number(message.dequeueCount) + 1;
  }
  this.orders.collection.update(messages);
  return messages.map((message) => this.messageCopy(message));
};

Store.prototype.clearExpiredMessages = async function (account, queue, context) {
  this.checkQueueExist(account, queue, context);
  const messages = this.orders.first("expired", account, queue, Infinity, Date.now());
  if (messages.length > 0) this.orders.collection.remove(messages); // removing none also reads the whole collection
};

if (require.main === module) require("azurite/dist/src/azurite.js");
