// A real Node-RED with the built package, in a process of its own so that it can be killed.
// node serve.mjs USER_DIR [PORT]: prints {"port"} once the flows have started.
import http from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';

const require = createRequire(import.meta.url);
// The one that Node-RED itself uses; its http nodes do not work under Express 5.
const express = createRequire(require.resolve('node-red'))('express');
const RED = require('node-red');
const root = path.dirname(path.dirname(import.meta.dirname));
const [userDir, port = '0'] = process.argv.slice(2);

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
  externalModules: { palette: { allowInstall: false, allowUpdate: false, allowUpload: false } },
  editorTheme: { tours: false, palette: { catalogues: [] } },
  logging: { console: { level: 'info', metrics: false, audit: false } },
});
app.use('/', RED.httpAdmin);
app.use('/', RED.httpNode);
server.listen(Number(port), '127.0.0.1', async () => {
  // What is printed before the flows run is for whoever reads a failing test's log.
  RED.events.once('flows:started', () => console.log(JSON.stringify({ port: server.address().port })));
  await RED.start();
});
process.on('SIGTERM', async () => {
  await RED.stop();
  process.exit(0);
});
