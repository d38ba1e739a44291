// `npm start`: Node-RED with the sample flow, in this clone and nowhere else.
// The flow's bridge node starts the Python server; this script prepares what it needs and says what is going on.

import { randomBytes } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from './build.mjs';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const host = process.env.HOST || '127.0.0.1';
const port = Number(process.env.PORT || 1880);
const userDir = path.resolve(process.env.EARMARK_USER_DIR || path.join(root, '.earmark', 'node-red'));

function fail(message) {
  console.error(message);
  process.exit(1);
}

if (!Number.isInteger(port) || port < 1 || port > 65535) {
  fail(`PORT must be a whole number from 1 to 65535, not "${process.env.PORT}".`);
}

/** Resolves once the port is ours: a taken one is known before anything slow is begun. */
function listen(server) {
  return new Promise((resolve) => {
    server.once('error', (error) => {
      if (error.code === 'EADDRINUSE')
        fail(`Port ${port} is taken. Choose another one: PORT=${port + 1} npm start`);
      else if (error.code === 'EACCES')
        fail(`Port ${port} needs more rights. Choose one above 1023: PORT=1880 npm start`);
      else fail(`Cannot listen on ${host}:${port}: ${error.message}`);
    });
    server.listen(port, host, resolve);
  });
}

/** Node-RED encrypts the flow's credentials with this; a secret of the clone's own, made once. */
function credentialSecret() {
  const file = path.join(userDir, '.credential-secret');
  if (!existsSync(file)) writeFileSync(file, randomBytes(32).toString('hex'), { mode: 0o600 });
  return readFileSync(file, 'utf8');
}

let handler = (_request, response) => {
  response.writeHead(503, { 'content-type': 'text/plain; charset=utf-8', 'retry-after': '2' });
  response.end('Earmark is starting. This page works in a few seconds.');
};
const server = http.createServer((request, response) => handler(request, response));
await listen(server);

console.log('Earmark, a sound memory for Node-RED');
await build((line) => console.log(line));
const { projectPython } = await import('./python.mjs');
await projectPython(['requirements.txt']).catch((error) => fail(error.message));

mkdirSync(userDir, { recursive: true, mode: 0o700 });
const flowFile = path.join(userDir, 'flows.json');
if (!existsSync(flowFile)) copyFileSync(path.join(root, 'flows', 'sound-memory.json'), flowFile);

console.log('Starting Node-RED …');
const require = createRequire(import.meta.url);
const RED = require('node-red');
// Node-RED's own copy: its http nodes reach into the router of the version that they were written for.
const express = createRequire(require.resolve('node-red'))('express');
const app = express();
RED.init(server, {
  userDir,
  flowFile: 'flows.json',
  nodesDir: [root],
  uiHost: host,
  uiPort: port,
  httpAdminRoot: '/',
  httpNodeRoot: '/',
  credentialSecret: credentialSecret(),
  telemetry: { enabled: false, updateNotification: false },
  diagnostics: { enabled: false, ui: false },
  runtimeState: { enabled: true, ui: true },
  externalModules: {
    palette: {
      allowInstall: false,
      allowUpdate: false,
      allowUpload: false,
      // Only a test needs it; Node-RED would load whatever lies beside it.
      denyList: ['@flowfuse/node-red-dashboard'],
    },
  },
  // Before the long list of Node-RED's own nodes, whose order stays.
  paletteCategories: ['sound memory'],
  editorTheme: { tours: false, projects: { enabled: false }, palette: { catalogues: [] } },
  logging: { console: { level: 'error', metrics: false, audit: false } },
});
app.use('/', RED.httpAdmin);
app.use('/', RED.httpNode);
await RED.start();
handler = app;

const shownHost = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
console.log(`
Ready: http://${shownHost}:${port}
  The sample flow is running: it plays six sounds, remembers the first hearing of each and finds the later ones.
  Open the address and look at the debug sidebar (the beetle). Ctrl+C ends everything.
  Your flows and the memory are kept in ${path.relative(process.cwd(), userDir) || '.'}
`);

let stopping = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, async () => {
    if (stopping) return;
    stopping = true;
    console.log('Stopping …');
    server.close();
    server.closeAllConnections();
    await RED.stop();
    process.exit(0);
  });
}
