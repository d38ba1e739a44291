import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { noBrowser } from './editor.ts';
import { dotColour, picture, pointsOf, SidebarServer } from './sidebar-page.ts';

const sounds = 100_000;
const minute = 60_000;

/** What the panel promises, in milliseconds. */
const promised = 100;

describe.skipIf(noBrowser)('the Sounds sidebar with 100,000 sounds', () => {
  let server: SidebarServer;
  let page: Page;
  let errors: string[];

  beforeAll(async () => {
    server = await SidebarServer.start();
    await server.store(sounds);
    ({ page, errors } = await server.open());
  }, 3 * minute);

  afterAll(async () => {
    await server?.stop();
  });

  const rows = () => page.locator('.earmark-grid .earmark-sound');

  /**
   * The most milliseconds that the page works for an action in eight of nine tries; one may be hit by the browser's
   * garbage collector, but not for long. It is the main thread's own time: what else the machine does meanwhile must
   * not decide the test. What comes after the answer, as the rows' pictures do, is waited for in between.
   */
  async function answerTime(
    act: (i: number) => Promise<unknown>,
    settle: () => Promise<unknown> = async () => undefined,
  ): Promise<number> {
    const session = await page.context().newCDPSession(page);
    await session.send('Performance.enable', { timeDomain: 'threadTicks' });
    const worked = async () => {
      const { metrics } = await session.send('Performance.getMetrics');
      return metrics.find(({ name }) => name === 'TaskDuration')?.value as number;
    };
    const times: number[] = [];
    for (let i = 0; i < 9; i++) {
      const before = await worked();
      await act(i);
      times.push(1000 * ((await worked()) - before));
      await settle();
    }
    await session.detach();
    expect(Math.min(...times)).toBeGreaterThan(0);
    if (process.env.EARMARK_TIMES) console.log(times.map(Math.round).join(' '));
    const [most, next] = times.sort((a, b) => b - a);
    expect(most).toBeLessThan(3 * promised);
    return next!;
  }

  /** Does something on the page and waits for two frames. */
  const frames = (action: string) => (i: number) =>
    page.evaluate(
      async ([source, i]) => {
        const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
        new Function('i', source)(i);
        await frame();
        await frame();
      },
      [action, i] as const,
    );

  /** Waits for something on the page with little of the page's own time. */
  const until = (expression: string) =>
    expect.poll(() => page.evaluate(`Boolean(${expression})`), { timeout: 15_000, interval: 50 }).toBe(true);
  const labelOf = (row: number) =>
    `document.querySelectorAll('.earmark-grid .earmark-sound-label')[${row}]?.textContent`;

  /** Until the last row of the list has all that belongs to it, and the news about the last change is there. */
  const pictures = async () => {
    await rows().nth(29).locator('.earmark-sound-match:not(:empty)').waitFor();
    await page.waitForTimeout(700);
  };

  test('the list is there while the memory is still being read', async () => {
    await page.locator(`.earmark-sound[data-id="sound-${sounds - 1}"]`).waitFor();
    expect(await rows().count()).toBe(30);
  });

  test(
    'the map gets every sound',
    async () => {
      await page.getByRole('tab', { name: 'Map', exact: true }).click();
      await page
        .locator('.earmark-map-status')
        .getByText('100,000 sounds')
        .waitFor({ timeout: 3 * minute });
      await page.locator('.earmark-legend').getByText('fan').waitFor();
      const fan = await dotColour(page.locator('.earmark-legend'));
      const { left, leftY } = await pointsOf(page.locator('.earmark-map canvas').first(), fan);
      await page.mouse.move(left, leftY);
      await page.locator('.earmark-map-card .earmark-sound').waitFor();
      await picture(page, '100000');
    },
    4 * minute,
  );

  test('the map answers zooming, moving and pointing within 100 ms', async () => {
    const canvas =
      "const canvas = document.querySelector('.earmark-map canvas'); const { left, top, width, height } = canvas.getBoundingClientRect();";
    const wheel = `${canvas} canvas.dispatchEvent(new WheelEvent('wheel', { deltaY: i % 2 ? 120 : -120, clientX: left + width / 2, clientY: top + height / 2, bubbles: true, cancelable: true }));`;
    expect(await answerTime(frames(wheel))).toBeLessThan(promised);
    const point = `${canvas} canvas.dispatchEvent(new PointerEvent('pointermove', { clientX: left + width * (0.3 + 0.05 * i), clientY: top + height / 2, bubbles: true }));`;
    expect(await answerTime(frames(point))).toBeLessThan(promised);
    const arrow = `${canvas} canvas.focus(); canvas.dispatchEvent(new KeyboardEvent('keydown', { key: i % 2 ? 'ArrowRight' : 'ArrowDown', bubbles: true }));`;
    expect(await answerTime(frames(arrow))).toBeLessThan(promised);
  });

  test('a lasso around everything selects everything, and too much at once is refused in words', async () => {
    await page.getByRole('button', { name: 'Show all', exact: true }).click();
    await page.getByRole('button', { name: /Select by drawing/ }).click();
    const { x, y, width, height } = (await page.locator('.earmark-map canvas').first().boundingBox())!;
    await page.mouse.move(x + 2, y + 2);
    await page.mouse.down();
    for (const [right, down] of [
      [width - 2, 2],
      [width - 2, height - 2],
      [2, height - 2],
    ] as const) {
      await page.mouse.move(x + right, y + down, { steps: 3 });
    }
    await page.mouse.up();
    await page.locator('.earmark-map .earmark-selection').getByText('Selected: 100,000 sounds').waitFor();
    await page.getByRole('combobox', { name: 'Name of all selected sounds' }).fill('everything');
    await page.keyboard.press('Enter');
    await page.locator('.earmark-message').getByText('1 to 10000 sounds').waitFor();
    errors.splice(0);
  });

  test('the tabs change within 100 ms', async () => {
    const change =
      "document.getElementById(['earmark-tab-labels', 'earmark-tab-sounds', 'earmark-tab-map'][i % 3]).click();";
    expect(await answerTime(frames(change))).toBeLessThan(promised);
    expect(errors).toEqual([]);
  });

  test(
    'the suggestions come within 100 ms of work',
    async () => {
      const suggestions = page.getByRole('tab', { name: 'Suggestions', exact: true });
      const card = page.locator('.earmark-card').first();
      await suggestions.click();
      await card.waitFor({ timeout: minute });
      const change = async () => {
        // The rows' pictures are asked for when the suggestions are there.
        const details = page.waitForResponse(/\/details$/);
        await frames(
          "for (const key of ['labels', 'suggestions']) document.getElementById('earmark-tab-' + key).click()",
        )(0);
        await details;
        await frames('')(0);
      };
      expect(await answerTime(change)).toBeLessThan(promised);
      expect(errors).toEqual([]);
    },
    3 * minute,
  );

  test('a name is given within 100 ms of work', async () => {
    await page.getByRole('tab', { name: 'Sounds', exact: true }).click();
    const row = rows().first();
    await pictures();
    await row.focus();
    const label = async (i: number) => {
      await page.keyboard.press(i % 2 ? '1' : '2');
      await until(`${labelOf(0)} === '${i % 2 ? 'fan' : 'fridge'}'`);
    };
    expect(await answerTime(label, pictures)).toBeLessThan(promised);
    expect(errors).toEqual([]);
  });

  test('what was just heard is shown within 100 ms of work', async () => {
    const heard = 'document.querySelectorAll(".earmark-heard .earmark-sound").length';
    const drawn =
      'document.querySelectorAll(".earmark-heard .earmark-picture:not(.earmark-no-picture)").length';
    await server.hear([0]);
    // All that was taught is read and learnt from with the first sound.
    await page.locator('.earmark-heard .earmark-sound').waitFor({ timeout: minute });
    const hear = async (i: number) => {
      await server.hear([i]);
      await until(`${heard} === ${i + 2}`);
    };
    const settle = async () => {
      await until(`${drawn} === ${heard}`);
      await pictures();
    };
    await settle();
    expect(await answerTime(hear, settle)).toBeLessThan(promised);
    expect(errors).toEqual([]);
  });

  test('a search is answered within 100 ms of work', async () => {
    const field = page.getByRole('searchbox', { name: 'Search sounds' });
    await field.fill('label:kettle is:unlabelled');
    await page.getByText('Nothing matches').waitFor();
    const search = async (i: number) => {
      const name = ['kettle', 'knock', 'phone'][i % 3]!;
      await field.fill(`label:${name}`);
      await until(`${labelOf(29)} === '${name}'`);
    };
    expect(await answerTime(search, pictures)).toBeLessThan(promised);
  });
});
