// A real Node-RED with the built package, in a process of its own so that it can be killed.
// node serve.mjs USER_DIR PORT OPTIONS (JSON: paused, dashboard, installed): prints {"port"} once the flows have started,
// or, paused, once they could. The dashboard lies in our node_modules, where Node-RED finds it unless it is denied.
import http from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';

const require = createRequire(import.meta.url);
// The one that Node-RED itself uses; its http nodes do not work under Express 5.
const express = createRequire(require.resolve('node-red'))('express');
const RED = require('node-red');
const root = path.dirname(path.dirname(import.meta.dirname));
const [userDir, port, options] = process.argv.slice(2);
const { paused, dashboard, installed } = JSON.parse(options);

const app = express();
const server = http.createServer(app);
RED.init(server, {
  userDir,
  flowFile: 'flows.json',
  ...(!installed && { nodesDir: [root] }),
  uiHost: '127.0.0.1',
  httpAdminRoot: '/',
  httpNodeRoot: '/',
  credentialSecret: 'only for tests',
  safeMode: paused,
  runtimeState: { enabled: true, ui: false },
  telemetry: { enabled: false, updateNotification: false },
  diagnostics: { enabled: false, ui: false },
  externalModules: {
    palette: {
      allowInstall: false,
      allowUpdate: false,
      allowUpload: false,
      denyList: dashboard ? [] : ['@flowfuse/node-red-dashboard'],
    },
  },
  editorTheme: { tours: false, palette: { catalogues: [] } },
  logging: { console: { level: 'info', metrics: false, audit: false } },
});
app.use('/', RED.httpAdmin);
app.use('/', RED.httpNode);
server.listen(Number(port), '127.0.0.1', async () => {
  // The editor's live feed begins with RED.start, in whichever order the two end. What is printed before the flows run is
  // for whoever reads a failing test's log.
  const started = paused || new Promise((resolve) => RED.events.once('flows:started', resolve));
  await RED.start();
  await started;
  console.log(JSON.stringify({ port: server.address().port }));
});
process.on('SIGTERM', async () => {
  await RED.stop();
  process.exit(0);
});
