import type { Node, NodeAPI, NodeDef } from 'node-red';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type QueuePolicy, workOnMessages } from '../../nodes/message-worker.ts';
import { creditsBelow } from '../../nodes/source-credits.ts';
import { StatusLight } from '../../nodes/status-light.ts';
import { TestFlow } from './test-flow.ts';

/** A node that works on one message until the test lets it go on. */
const gates: { message: unknown; open: () => void; fail: (error: unknown) => void; signal: AbortSignal }[] =
  [];

function gatedNode(RED: NodeAPI): void {
  function Gated(this: Node, def: NodeDef & { limit: number; policy: QueuePolicy }): void {
    RED.nodes.createNode(this, def);
    workOnMessages(RED, this, {
      limit: def.limit,
      policy: def.policy,
      light: new StatusLight(this),
      work: ({ message, send, signal }) =>
        new Promise<void>((resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason));
          gates.push({
            message: message.payload,
            signal,
            fail: reject,
            open: () => {
              send(message);
              resolve();
            },
          });
        }),
    });
  }
  RED.nodes.registerType('gated', Gated);
}

let flow: TestFlow;

async function load(limit: number, policy: QueuePolicy): Promise<void> {
  gates.length = 0;
  flow = await TestFlow.load(
    [
      { id: 'gated', type: 'gated', limit, policy, wires: [['out']] },
      { id: 'out', type: 'helper' },
      { id: 'complete', type: 'complete', scope: ['gated'], wires: [['done']] },
      { id: 'done', type: 'helper' },
      { id: 'catch', type: 'catch', scope: ['gated'], wires: [['caught']] },
      { id: 'caught', type: 'helper' },
    ],
    { extraNodes: [gatedNode] },
  );
}

const gate = async (index: number) => {
  await vi.waitFor(() => expect(gates.length).toBeGreaterThan(index));
  return gates[index]!;
};
const payloads = (id: string) => flow.received(id).map(({ payload }) => payload);

/** Node-RED delivers a message some turns after it was sent. */
const delivered = () => new Promise((resolve) => setTimeout(resolve, 20));

afterEach(async () => {
  await flow.close();
});

describe('workOnMessages', () => {
  it('survives a message that Node-RED cannot copy for the complete and catch nodes', async () => {
    await load(10, 'error');
    const uncopied = {
      payload: 1,
      get closed() {
        throw new Error('This handle is closed.');
      },
    };
    flow.send('gated', uncopied);
    (await gate(0)).open();
    flow.send('gated', uncopied);
    (await gate(1)).fail(new Error('It went wrong.'));
    flow.send('gated', { payload: 3 });
    (await gate(2)).open();
    await flow.arrived('done');
    expect(payloads('done')).toEqual([3]);
    const caught = flow.received('caught').map(({ error }) => (error as { message: string }).message);
    expect(caught).toEqual([
      expect.stringContaining('This handle is closed.'),
      expect.stringContaining('It went wrong.'),
    ]);
  });

  it('works on one message at a time, in order, and completes each', async () => {
    await load(10, 'error');
    for (const payload of [1, 2, 3]) flow.send('gated', { payload });
    for (const index of [0, 1, 2]) {
      (await gate(index)).open();
      await flow.arrived('out', index + 1);
      expect(gates.length).toBeLessThanOrEqual(index + 2);
    }
    await flow.arrived('done', 3);
    expect(payloads('out')).toEqual([1, 2, 3]);
    expect(payloads('done')).toEqual([1, 2, 3]);
  });

  it.each([
    { policy: 'dropOldest', worked: [0, 2, 3] },
    { policy: 'dropNewest', worked: [0, 1, 2] },
    { policy: 'error', worked: [0, 1, 2] },
  ] as const)('holds no more than its limit: $policy', async ({ policy, worked }) => {
    await load(2, policy);
    for (const payload of [0, 1, 2, 3]) flow.send('gated', { payload });
    await gate(0);
    await delivered();
    for (const index of [0, 1, 2]) (await gate(index)).open();
    await flow.arrived('out', 3);
    expect(payloads('out')).toEqual(worked);
    const codes = flow.received('caught').map(({ error }) => (error as { code: string }).code);
    expect(codes).toEqual(policy === 'error' ? ['QUEUE_FULL'] : []);
  });

  it.each([
    { policy: 'dropOldest', gaps: { bell: [false, true], other: [false] } },
    { policy: 'dropNewest', gaps: { bell: [false, false, true], other: [false] } },
  ] as const)(
    'marks the gap in the source that lost sound, and only there: $policy',
    async ({ policy, gaps }) => {
      await load(2, policy);
      const sound = (sourceId: string) => flow.send('gated', { audio: { sourceId, gap: false } });
      // One is worked on and two wait; the fourth has no room.
      for (const source of ['bell', 'bell', 'other', 'bell']) sound(source);
      await gate(0);
      await delivered();
      for (const index of [0, 1, 2]) (await gate(index)).open();
      await flow.arrived('out', 3);
      sound('bell');
      (await gate(3)).open();
      const heard = (await flow.arrived('out', 4)).map(
        ({ audio }) => audio as { sourceId: string; gap: boolean },
      );
      for (const [source, marked] of Object.entries(gaps)) {
        const own = heard.filter(({ sourceId }) => sourceId === source).map(({ gap }) => gap);
        expect(own.slice(0, marked.length)).toEqual(marked);
        expect(own.slice(marked.length).some(Boolean)).toBe(false);
      }
    },
  );

  it('gives what is thrown to Catch nodes with a code, and goes on', async () => {
    await load(10, 'error');
    flow.send('gated', { payload: 1 });
    flow.send('gated', { payload: 2 });
    (await gate(0)).fail('not even an Error');
    (await gate(1)).open();
    await flow.arrived('out', 1);
    const [caught] = await flow.arrived('caught');
    expect(caught!.error).toMatchObject({ code: 'INTERNAL', message: 'NodeError: not even an Error' });
    expect(payloads('out')).toEqual([2]);
  });

  it('forgets what waits on msg.reset and works on what comes later', async () => {
    await load(10, 'error');
    for (const payload of [1, 2]) flow.send('gated', { payload });
    const { signal } = await gate(0);
    flow.send('gated', { reset: true });
    await vi.waitFor(() => expect(signal.aborted).toBe(true));
    flow.send('gated', { payload: 3 });
    (await gate(1)).open();
    await flow.arrived('out', 1);
    expect(payloads('out')).toEqual([3]);
    expect(flow.received('caught')).toEqual([]);
  });

  it('lets one message wait for what was stopped, also where none may wait otherwise', async () => {
    await load(0, 'dropNewest');
    flow.send('gated', { payload: 1 });
    await gate(0);
    flow.send('gated', { payload: 2 });
    flow.send('gated', { reset: true });
    flow.send('gated', { payload: 3 });
    (await gate(1)).open();
    await flow.arrived('out', 1);
    expect(payloads('out')).toEqual([3]);
  });

  it('drops and completes whatever comes where none may wait', async () => {
    await load(0, 'dropOldest');
    const audio = { session: 'none waits' };
    for (const payload of [1, 2, 3]) flow.send('gated', { payload, audio });
    (await gate(0)).open();
    await flow.arrived('done', 3);
    expect(payloads('out')).toEqual([1]);
    await creditsBelow('none waits', 1, AbortSignal.timeout(1000));
    expect(flow.received('caught')).toEqual([]);
  });

  it('returns the credits of a session when it is done, when it drops and when it closes', async () => {
    await load(1, 'dropOldest');
    const audio = { session: 'file' };
    for (const payload of [1, 2, 3]) flow.send('gated', { payload, audio });
    await gate(0);
    await delivered();
    const never = AbortSignal.timeout(50);
    await expect(creditsBelow('file', 2, never)).rejects.toThrow(/timeout/i);
    const room = creditsBelow('file', 2, AbortSignal.timeout(5000));
    (await gate(0)).open();
    await expect(room).resolves.toBeUndefined();
    const empty = creditsBelow('file', 1, AbortSignal.timeout(5000));
    await flow.deploy([]);
    await expect(empty).resolves.toBeUndefined();
  });

  it('stops its work when it is closed', async () => {
    await load(1, 'error');
    flow.send('gated', { payload: 1 });
    const { signal } = await gate(0);
    await flow.deploy([]);
    expect(signal.aborted).toBe(true);
  });
});
