// A real Node-RED with the built package and one memory, in a process of its own: one runtime fits into a process.
// node sidebar-server.mjs OPTIONS (JSON: userDir, protect). Sends {port}; then it stores what each {store} says, a
// list of [id, kind, options] for MadeSounds or a number of sounds, and answers {stored: n}. What a {hear} says, a list
// of [kind, {source, take, goesOn, clip}], goes to a similar node; two of one take have the same vector, and what goes on
// overlaps the one before it.
import { writeFileSync } from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';
import { dimensions, MadeSounds } from '../sounds/made-sounds.ts';

const require = createRequire(import.meta.url);
// The one that Node-RED itself uses.
const express = createRequire(require.resolve('node-red'))('express');
const RED = require('node-red');
const root = path.dirname(path.dirname(import.meta.dirname));
const { userDir, protect } = JSON.parse(process.argv[2]);

writeFileSync(
  path.join(userDir, 'flows.json'),
  JSON.stringify([
    { id: 'flow', type: 'tab', label: 'Flow 1' },
    {
      id: 'home-memory',
      type: 'earmark-memory',
      name: 'home',
      folder: 'memory',
      threshold: '',
      maxPatterns: '',
      maxDays: '',
      clipMegabytes: '50',
      metric: 'cosine',
      dimensions: String(dimensions),
      saveChanges: '100000',
      saveSeconds: '60',
    },
    {
      id: 'recognise',
      type: 'earmark-similar',
      z: 'flow',
      name: '',
      x: 200,
      y: 100,
      wires: [[], []],
      memory: 'home-memory',
      mode: 'label',
      threshold: '',
      limit: '5',
      label: '',
      labelType: 'str',
      confirmations: '1',
      holdBackSeconds: '0',
    },
  ]),
);
// Everybody's password is their name.
const permissions = {
  writer: '*',
  labeller: ['flows.read', 'nodes.read', 'earmark.read', 'earmark.write'],
  reader: 'read',
  nobody: ['flows.read', 'nodes.read', 'plugins.read', 'settings.read', 'status.read'],
};
const user = async (username) => permissions[username] && { username, permissions: permissions[username] };
const app = express();
const server = http.createServer(app);
RED.init(server, {
  userDir,
  flowFile: 'flows.json',
  nodesDir: [root],
  uiHost: '127.0.0.1',
  httpAdminRoot: '/',
  httpNodeRoot: '/',
  credentialSecret: 'only for tests',
  telemetry: { enabled: false, updateNotification: false },
  diagnostics: { enabled: false, ui: false },
  externalModules: {
    palette: { allowInstall: false, allowUpdate: false, allowUpload: false, denyList: ['@flowfuse/*'] },
  },
  editorTheme: { tours: false, palette: { catalogues: [] } },
  logging: { console: { level: 'warn', metrics: false, audit: false } },
  ...(protect && {
    adminAuth: {
      type: 'credentials',
      users: user,
      authenticate: async (username, password) => (username === password ? user(username) : null),
    },
  }),
});
app.use('/', RED.httpAdmin);
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const started = new Promise((resolve) => RED.events.once('flows:started', resolve));
await RED.start();
await started;
const storage = await RED.nodes.getNode('home-memory').storage();
const made = new MadeSounds();
// What a house sounds like, the commonest first.
const names = (
  'fan fridge washing-machine dishwasher doorbell kettle footsteps knock phone creak drip rain wind bird dog cat car ' +
  'bus train siren alarm clock keys door window drawer chair stairs speech laughter cough music radio television ' +
  'vacuum drill hammer saw mower lift'
).split(' ');
const many = (count) =>
  Array.from({ length: count }, (_, i) => {
    // Few kinds are frequent, many are rare, and a third of the sounds has a name.
    const kind = Math.floor(40 * ((i * 0.6180339887) % 1) ** 2);
    const options = {
      createdAt: 1_790_000_000_000 + 1000 * i,
      ...(i % 3 === 0 && { label: names[kind].replace('-', ' ') }),
    };
    return [`sound-${i}`, kind, options];
  });
const takes = new Map();
let second = 0;
const hear = ([kind, { source = 'kitchen', take, goesOn = false, clip = true } = {}]) => {
  const vector = takes.get(take) ?? made.vector(kind);
  if (take !== undefined) takes.set(take, vector);
  second += goesOn ? 0.2 : 2;
  RED.nodes.getNode('recognise').receive({
    payload: Array.from(vector),
    features: { startTime: second, endTime: second + 0.4, frequencyRange: { low: 200, high: 4000 } },
    audio: { sourceId: source, ...(clip && { clip: Buffer.from(made.clip(kind)) }) },
  });
};
process.on('message', async ({ store = [], hear: heard = [] }) => {
  for (const sound of heard) hear(sound);
  const sounds = typeof store === 'number' ? many(store) : store;
  for (let i = 0; i < sounds.length; i += 5000) {
    await storage.storePatterns(sounds.slice(i, i + 5000).map((sound) => made.pattern(...sound)));
  }
  process.send({ stored: sounds.length });
});
process.send({ port: server.address().port });
process.on('disconnect', async () => {
  setTimeout(() => process.exit(1), 10_000).unref();
  await RED.stop();
  process.exit(0);
});
