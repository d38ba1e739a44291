// The first thing that `npm start` and `npm test` run, in a fresh clone and under whatever Node the machine has
// (20 or newer). It installs the npm packages, among them Node 24, and hands over to it. It must therefore
// import nothing but Node's own modules.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const stamp = path.join(root, 'node_modules', '.earmark-setup');
const windows = process.platform === 'win32';

/** Runs a program and resolves to its exit code; Ctrl+C and SIGTERM are passed on to it. */
function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: 'inherit', ...options });
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
    // A terminal sends SIGINT to the whole group; the child decides how to end, and we wait for it.
    const forward = (signal) => {
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    };
    for (const signal of signals) process.on(signal, forward);
    // `npm` passes a SIGTERM on to its shell alone, which ends and leaves us to another parent.
    const parent = process.ppid;
    const orphaned = setInterval(() => process.ppid !== parent && child.kill(), 1000);
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      clearInterval(orphaned);
      for (const name of signals) process.off(name, forward);
      resolve(code ?? (signal === 'SIGINT' || signal === 'SIGTERM' ? 0 : 1));
    });
  });
}

async function installPackages() {
  const wanted = createHash('sha256')
    .update(readFileSync(path.join(root, 'package-lock.json')))
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  console.log('Installing the npm packages (once, about a minute) …');
  const npm = process.env.npm_execpath;
  const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error'];
  const code = npm
    ? await run(process.execPath, [npm, ...args])
    : await run(windows ? 'npm.cmd' : 'npm', args, { shell: windows });
  if (code !== 0) {
    console.error(
      `The npm packages could not be installed (npm ended with ${code}). What npm printed above says why.`,
    );
    process.exit(code);
  }
  mkdirSync(path.dirname(stamp), { recursive: true });
  writeFileSync(stamp, wanted);
}

if (Number(process.versions.node.split('.')[0]) < 20) {
  console.error(
    `Earmark needs Node.js 20 or newer; this is ${process.version}. Install a newer one from nodejs.org.`,
  );
  process.exit(1);
}
const [task, ...rest] = process.argv.slice(2);
await installPackages();

const bin = path.join(root, 'node_modules', 'node', 'bin', windows ? 'node.exe' : 'node');
if (!existsSync(bin)) {
  console.error(
    'The npm package "node" brought no program for this machine. Use Node.js 24 and run the command again.',
  );
  process.exit(1);
}
const env = {
  ...process.env,
  PATH: [path.dirname(bin), path.join(root, 'node_modules', '.bin'), process.env.PATH].join(path.delimiter),
};
process.exit(await run(bin, [path.join('scripts', `${task}.mjs`), ...rest], { env }));
