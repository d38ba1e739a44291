import type { NodeAPI } from 'node-red';
import { describe, expect, it, vi } from 'vitest';
import { registerSourceTest } from '../../nodes/earmark-capture/source-test.ts';

vi.mock('node:fs/promises', async (original) => ({
  ...(await original<typeof import('node:fs/promises')>()),
  // As a disk in the network does whose server is gone.
  stat: () => new Promise(() => {}),
}));

describe('the test of a source on a disk that hangs', () => {
  it('is answered when another one begins', async () => {
    const post = vi.fn();
    const needsPermission = () => undefined;
    const RED = { httpAdmin: { post }, auth: { needsPermission }, settings: {} };
    registerSourceTest(RED as unknown as NodeAPI);
    const route = post.mock.calls[0]![2] as (request: object, response: object) => void;
    const json = vi.fn();
    for (const text of ['/far/away', '/far/away/too']) {
      route({ is: () => true, body: { source: 'file', text } }, { json });
    }
    await vi.waitFor(() => expect(json.mock.calls).toEqual([[{ outcome: 'overtaken' }]]));
  });
});
