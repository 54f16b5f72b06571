// The other side of cql.py: cql-execution with cql-exec-fhir, asked line by line in JSON. One PatientSource serves all
// calls: what it costs to read the FHIR model is not counted.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(import.meta.url); // heeds NODE_PATH
const cql = require("cql-execution");
const fhir = require("cql-exec-fhir");

const source = fhir.PatientSource.FHIRv401();
const bundles = new Map();
let executor, names;

async function evaluate(bundle) {
  source.reset();
  source.loadBundles([bundle]);
  const { patientResults } = await executor.exec(source);
  return Object.values(patientResults)[0];
}

// An answer in a form that both sides have: how many items, or the truth.
function shown(value) {
  return Array.isArray(value) ? value.length : value;
}

const commands = {
  about: () => `${require("cql-execution/package.json").version}, node ${process.versions.node}`,
  library: ({ elm, valueSets }) => {
    names = elm.library.statements.def.map(({ name }) => name).filter((name) => name !== "Patient");
    executor = new cql.Executor(new cql.Library(elm, new cql.Repository({})), new cql.CodeService(valueSets));
  },
  load: ({ name, bundle }) => void bundles.set(name, bundle),
  answer: async ({ name }) => {
    const results = await evaluate(bundles.get(name));
    return Object.fromEntries(names.map((key) => [key, shown(results[key])]));
  },
  // Seconds per call: the lesser of the process's CPU time, which counts what V8 does in its other threads, and of wall
  // time, which counts what other processes do.
  cost: async ({ name, calls }) => {
    const bundle = bundles.get(name);
    const cpu = process.cpuUsage();
    const start = process.hrtime.bigint();
    for (let n = 0; n < calls; n += 1) await evaluate(bundle);
    const wall = Number(process.hrtime.bigint() - start) / 1e9;
    const { user, system } = process.cpuUsage(cpu);
    return Math.min(wall, (user + system) / 1e6) / calls;
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { command, ...rest } = JSON.parse(line);
  let reply;
  try {
    reply = { value: await commands[command](rest) };
  } catch (error) {
    reply = { error: String(error) };
  }
  process.stdout.write(JSON.stringify(reply) + "\n");
}
