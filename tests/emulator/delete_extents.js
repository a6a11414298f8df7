// Delete blobs' data as Azurite's clean-up does, while a request waits for its turn.
//
// node delete_extents.js AZURITE_JS COUNT: prints how many were deleted, how many are left, and whether the request had
// its turn before the last deletion.
"use strict";

const path = require("path");
const { createRequire } = require("module");

const [azuriteFile, count] = process.argv.slice(2);
const load = createRequire(path.resolve(azuriteFile));
load(path.resolve(azuriteFile));
const Extents = load("azurite/dist/src/common/persistence/LokiExtentMetadataStore.js").default;

async function main() {
  const store = new Extents("unused", true);
  await store.init();
  const ids = Array.from({ length: Number(count) }, (_, number) => `extent-${number}`);
  for (const id of ids) await store.updateExtent({ id, locationId: "Default", path: id, size: 1, LastModifiedInMS: 0 });
  let deleted = 0;
  let answeredAt = null;
  setImmediate(() => (answeredAt = deleted));
  for (const id of ids.slice(1)) {
    await store.deleteExtent(id);
    deleted += 1;
  }
  const [left] = await store.listExtents();
  console.log(JSON.stringify({ deleted, left: left.map((extent) => extent.id), answered: answeredAt !== null && answeredAt < deleted }));
  process.exit(0);
}

main();
