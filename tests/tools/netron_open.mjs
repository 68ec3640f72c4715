// Opens a model with the parser of Netron, without its window, and says as JSON what it sees.
//
//     node netron_open.mjs FOLDER_OF_NETRON MODEL
import * as fs from "node:fs/promises";
import * as path from "node:path";
import { pathToFileURL } from "node:url";

const [folder, model] = process.argv.slice(2);
const load = (name) => import(pathToFileURL(path.join(folder, name)));
const base = await load("base.js");
const view = await load("view.js");

// What Netron asks its window for when it opens a file.
const context = {
  identifier: path.basename(model),
  stream: new base.BinaryStream(await fs.readFile(model)),
  entries: new Map(),
  require: (id) => load(`${id}.js`),
  asset: (file) => fs.readFile(path.join(folder, file), "utf-8"),
  error: (error) => {
    throw error;
  },
};
const host = { ...context, environment: () => null, event: () => {} };

const opened = await new view.ModelFactoryService(host).open(context);
const [graph] = opened.modules;
const types = {};
for (const node of graph.nodes) {
  types[node.type.name] = (types[node.type.name] ?? 0) + 1;
}
const values = (several) =>
  several.map((one) => [one.name, one.value.map((value) => String(value.type)).join()]);
console.log(
  JSON.stringify({
    format: opened.format,
    types,
    inputs: values(graph.inputs),
    outputs: values(graph.outputs),
  }),
);
