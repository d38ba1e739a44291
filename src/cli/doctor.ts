import { bridgeOptions } from './bridge-session.ts';
import { defineCommand } from './command.ts';
import { examine, type Finding } from './doctor-checks.ts';
import { exitStatus } from './exit-status.ts';
import { memoryOption } from './memory-session.ts';
import { printable, type Style } from './terminal.ts';

const marks: Record<Finding['state'], { mark: string; style: Style }> = {
  ok: { mark: '✓', style: 'green' },
  warning: { mark: '!', style: 'yellow' },
  problem: { mark: '✗', style: 'red' },
};

export const doctor = defineCommand({
  name: 'doctor',
  about:
    'Checks what Earmark needs on this machine: Node, Python, recorder and microphones, ffmpeg, the bridge (by embedding a second of sound), the memory, and the ports. Says how to fix what is wrong; changes nothing.',
  options: {
    memory: memoryOption,
    bridge: bridgeOptions.bridge,
    json: { kind: 'flag', description: 'Print one JSON document.' },
  },
  examples: [
    { line: 'earmark doctor', says: 'What is wrong here?' },
    { line: 'earmark doctor --json', says: 'For a bug report.' },
  ],
  exits: ['0  nothing stands in the way; there may be warnings', '1  something does'],
  async run({ options, terminal, signal }) {
    const findings: Finding[] = [];
    for await (const finding of examine(options, terminal, signal)) {
      findings.push(finding);
      if (options.json) continue;
      const { mark, style } = marks[finding.state];
      await terminal.print(
        `${terminal.style(style, mark)} ${finding.name.padEnd(12)} ${printable(finding.found)}`,
      );
      if (finding.state !== 'ok')
        await terminal.print(`  ${' '.repeat(12)} ${terminal.style('bold', '→')} ${finding.fix}`);
    }
    if (options.json) await terminal.print(JSON.stringify(findings));
    return findings.some(({ state }) => state === 'problem') ? exitStatus.no : exitStatus.ok;
  },
});
