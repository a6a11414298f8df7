// A consumer that shares no code with Sluice: it prints the text of every message of a queue, one JSON string a line.
// Usage: node read_queue.js CONNECTION_STRING QUEUE
"use strict";

const { QueueClient } = require("@azure/storage-queue");

async function main([connectionString, queueName]) {
  const queue = new QueueClient(connectionString, queueName);
  for (;;) {
    const { receivedMessageItems } = await queue.receiveMessages({ numberOfMessages: 32, visibilityTimeout: 600 });
    if (receivedMessageItems.length === 0) return;
    for (const { messageText } of receivedMessageItems) {
      console.log(JSON.stringify(Buffer.from(messageText, "base64").toString("utf8")));
    }
  }
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error.message);
  process.exit(1);
});
