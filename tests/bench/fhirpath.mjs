// The other side of fhirpath.py: fhirpath.js with its R4 model, asked line by line in JSON.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(import.meta.url); // heeds NODE_PATH
const fhirpath = require("fhirpath");
const model = require("fhirpath/fhir-context/r4");

const resources = new Map();
const compiled = new Map();

function expression(text) {
  if (!compiled.has(text)) compiled.set(text, fhirpath.compile(text, model));
  return compiled.get(text);
}

// Seconds per call: the lesser of the process's CPU time, which counts what V8 does in its other threads, and of wall
// time, which counts what other processes do.
function cost(call, calls) {
  const cpu = process.cpuUsage();
  const start = process.hrtime.bigint();
  for (let n = 0; n < calls; n += 1) call();
  const wall = Number(process.hrtime.bigint() - start) / 1e9;
  const { user, system } = process.cpuUsage(cpu);
  return Math.min(wall, (user + system) / 1e6) / calls;
}

const commands = {
  about: () => `${require("fhirpath/package.json").version}, node ${process.versions.node}`,
  load: ({ name, resource }) => void resources.set(name, resource),
  answer: ({ text, name }) => expression(text)(resources.get(name)),
  cost: ({ text, name, calls }) => {
    const run = expression(text);
    const resource = resources.get(name);
    return cost(() => run(resource), calls);
  },
  compile: ({ text, calls }) => cost(() => fhirpath.compile(text, model), calls),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { command, ...rest } = JSON.parse(line);
  let reply;
  try {
    reply = { value: commands[command](rest) };
  } catch (error) {
    reply = { error: String(error) };
  }
  process.stdout.write(JSON.stringify(reply) + "\n");
}
