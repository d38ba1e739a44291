import type { Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { darkTheme, seriousFaults } from './accessibility.ts';
import { noBrowser } from './editor.ts';
import { picture, SidebarServer } from './sidebar-page.ts';

const minute = 60_000;

describe.skipIf(noBrowser)('the Sounds sidebar', { timeout: 90_000 }, () => {
  let server: SidebarServer;
  let page: Page;
  let errors: string[];

  const tab = (name: string) => page.getByRole('tab', { name, exact: true }).click();
  const row = (id: string): Locator => page.locator(`.earmark-sound[data-id="${id}"]`);
  const label = (id: string) => row(id).locator('.earmark-sound-label');
  const status = () => page.locator('.earmark-message');
  const audio = () => page.evaluate(() => (globalThis as unknown as { heard: string[] }).heard);

  beforeAll(async () => {
    server = await SidebarServer.start();
    ({ page, errors } = await server.open());
    // What is heard: every clip that begins to play.
    await page.evaluate(() => {
      const window = globalThis as unknown as { heard: string[] };
      window.heard = [];
      const play = HTMLMediaElement.prototype.play;
      HTMLMediaElement.prototype.play = function () {
        window.heard.push(this.src);
        return play.call(this);
      };
    });
  });

  afterEach(() => {
    expect(errors.splice(0)).toEqual([]);
  });

  afterAll(async () => {
    await server?.stop();
  });

  const faults = () => seriousFaults(page, '.earmark-sounds');

  test('says what to do while nothing was heard', async () => {
    await page.getByRole('tabpanel', { name: 'Sounds' }).getByText('Nothing heard yet').waitFor();
    expect(await page.getByRole('button', { name: 'Open the examples' }).isVisible()).toBe(true);
    expect(await faults()).toEqual([]);
    await picture(page, 'empty');
  });

  test('a stored sound appears by itself, with its picture, time, source and loudness, and can be heard', async () => {
    await server.store([
      ['ring-1', 0, { clip: true, createdAt: Date.now() - 3 * minute, source: 'hall microphone' }],
    ]);
    await row('ring-1').waitFor();
    await row('ring-1')
      .getByText(/hall microphone · 0\.4\ss · −18\sdB/)
      .waitFor();
    const drawn = await row('ring-1')
      .locator('canvas')
      .evaluate((canvas: HTMLCanvasElement) => {
        const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
        return new Set(new Uint32Array(data.buffer)).size;
      });
    expect(drawn).toBeGreaterThan(10);
    await row('ring-1').getByRole('button', { name: 'Listen' }).click();
    await expect.poll(audio).toHaveLength(1);
  });

  test('is named by typing, and the next one of its kind by one click', async () => {
    await label('ring-1').getByRole('button').click();
    await page.keyboard.type('doorbell');
    await page.keyboard.press('Enter');
    await label('ring-1').getByText('doorbell').waitFor();
    await server.store([['ring-2', 0, { clip: true, createdAt: Date.now() - 2 * minute }]]);
    const offer = row('ring-2').getByRole('button', { name: /doorbell \d+/ });
    await offer.click();
    await label('ring-2').getByText('doorbell').waitFor();
    await status().getByText('1 sound named "doorbell".').waitFor();
  });

  test('undo takes the last name away again', async () => {
    await page.getByRole('button', { name: 'Undo: name 1 sound "doorbell"' }).click();
    await label('ring-2').getByText('name it').waitFor();
  });

  test('several at once: selected, named, deleted and brought back', async () => {
    const now = Date.now();
    await server.store([
      ['kettle-1', 1, { clip: true, createdAt: now - 50_000 }],
      ['kettle-2', 1, { clip: true, createdAt: now - 40_000 }],
      ['kettle-3', 1, { clip: true, createdAt: now - 30_000 }],
    ]);
    await row('kettle-3').waitFor();
    await row('kettle-3').getByRole('checkbox').click();
    await row('kettle-1')
      .getByRole('checkbox')
      .click({ modifiers: ['Shift'] });
    await page.getByText('Selected: 3 sounds').waitFor();
    await picture(page, 'selected');
    expect(await faults()).toEqual([]);
    await page.getByRole('combobox', { name: 'Name of all selected sounds' }).fill('kettle');
    await page.keyboard.press('Enter');
    for (const id of ['kettle-1', 'kettle-2', 'kettle-3']) await label(id).getByText('kettle').waitFor();

    await row('kettle-2').getByRole('checkbox').click();
    await page.getByRole('button', { name: 'Delete the selected sounds' }).click();
    await row('kettle-2').waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Undo: delete 1 sound' }).click();
    await label('kettle-2').getByText('kettle').waitFor();
  });

  test('works by keyboard alone: move, hear, name, select, undo', async () => {
    await page.getByRole('searchbox', { name: 'Search sounds' }).focus();
    await page.keyboard.press('ArrowDown');
    const focused = () => page.evaluate('document.activeElement.dataset.id');
    expect(await focused()).toBe('kettle-3');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    expect(await focused()).toBe('kettle-1');
    await page.keyboard.press('End');
    await page.keyboard.press('ArrowUp');
    expect(await focused()).toBe('ring-2');
    const before = (await audio()).length;
    await page.keyboard.press('Space');
    await expect.poll(async () => (await audio()).length).toBe(before + 1);
    // The offered name by Enter, another one by its number, a new one by L.
    await row('ring-2')
      .getByRole('button', { name: /doorbell \d+/ })
      .waitFor();
    await page.keyboard.press('Enter');
    await label('ring-2').getByText('doorbell').waitFor();
    await page.keyboard.press('1');
    await label('ring-2').getByText('kettle').waitFor();
    await page.keyboard.press('Control+z');
    await label('ring-2').getByText('doorbell').waitFor();
    expect(await focused()).toBe('ring-2');
    await page.keyboard.press('l');
    await page.keyboard.type('x');
    await page.keyboard.press('Escape');
    await label('ring-2').getByText('doorbell').waitFor();
    expect(await focused()).toBe('ring-2');
    await page.keyboard.press('x');
    await page.getByText('Selected: 1 sound').waitFor();
    await page.keyboard.press('Escape');
    await page.getByText('Selected: 1 sound').waitFor({ state: 'hidden' });
  });

  test('search words filter the list, and a wrong one is explained', async () => {
    const field = page.getByRole('searchbox', { name: 'Search sounds' });
    const ids = () =>
      page
        .locator('.earmark-grid .earmark-sound')
        .evaluateAll((rows) => rows.map((r) => (r as HTMLElement).dataset.id));
    await field.fill('kettle');
    await expect.poll(ids).toEqual(['kettle-3', 'kettle-2', 'kettle-1']);
    await field.fill('label:doorbell source:"hall microphone"');
    await expect.poll(ids).toEqual(['ring-1']);
    await field.fill('is:unlabelled');
    await page.getByText('Nothing matches').waitFor();
    await field.fill('colour:red');
    await page.getByRole('alert').getByText('"colour:red" is not a search word').waitFor();
    await page.getByRole('button', { name: 'All', exact: true }).click();
    await expect.poll(async () => (await ids()).length).toBe(5);
  });

  test('labels are listed, renamed and joined', async () => {
    await tab('Labels');
    await page.getByRole('button', { name: 'Rename kettle' }).click();
    await page.getByRole('combobox', { name: 'New name of kettle' }).fill('tea kettle');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Rename tea kettle' }).click();
    await page.getByRole('combobox', { name: 'New name of tea kettle' }).fill('doorbell');
    await page.keyboard.press('Enter');
    await page.getByText('"doorbell" is there already. Join all "tea kettle" with it?').waitFor();
    await page.getByRole('button', { name: 'Join' }).click();
    await page.getByText('5 sounds').waitFor();
    await page.getByRole('button', { name: 'Undo: name 3 sounds "doorbell"' }).click();
    await page.getByRole('button', { name: 'Rename tea kettle' }).waitFor();
    expect(await faults()).toEqual([]);
    await picture(page, 'labels');
    await page.getByTitle('Show these sounds').filter({ hasText: 'tea kettle' }).click();
    await row('kettle-1').waitFor();
    await page.getByRole('button', { name: 'All', exact: true }).click();
  });

  test('the map shows every sound; one is heard under the pointer, several are named with the lasso', async () => {
    const now = Date.now();
    await server.store(
      [
        ...Array.from(
          { length: 30 },
          (_, i) => [`tap-${i}`, 2, { clip: true, createdAt: now - 3_600_000 - i }] as const,
        ),
        ...Array.from(
          { length: 30 },
          (_, i) =>
            [`door-${i}`, 3, { clip: true, label: 'front door', createdAt: now - 7_200_000 - i }] as const,
        ),
      ].map(([id, kind, options]) => [id, kind, options]),
    );
    await tab('Map');
    await page.locator('.earmark-map-status').getByText('65 sounds').waitFor();
    const canvas = page.locator('.earmark-map canvas').first();
    const before = (await audio()).length;
    await canvas.focus();
    await page.keyboard.press('ArrowRight');
    await page.locator('.earmark-map-card .earmark-sound').waitFor();
    await expect.poll(async () => (await audio()).length).toBeGreaterThan(before);
    await picture(page, 'map');
    expect(await faults()).toEqual([]);

    await page.getByRole('button', { name: /Select by drawing/ }).click();
    const box = (await canvas.boundingBox())!;
    const corners = [
      [2, 2],
      [box.width - 2, 2],
      [box.width - 2, box.height - 2],
      [2, box.height - 2],
    ] as const;
    await page.mouse.move(box.x + 2, box.y + 2);
    await page.mouse.down();
    for (const [x, y] of corners) await page.mouse.move(box.x + x, box.y + y, { steps: 4 });
    await page.mouse.up();
    await page.getByText('Selected: 65 sounds').first().waitFor();
    await page.getByRole('combobox', { name: 'Name of all selected sounds' }).fill('all of it');
    await page.keyboard.press('Enter');
    await page.locator('.earmark-legend').getByText('all of it 65').waitFor();
    await page.getByRole('button', { name: /^Undo: name 65 sounds/ }).click();
    await page.locator('.earmark-legend').getByText('front door 30').waitFor();
  });

  test('suggestions: one name for all that sound alike', async () => {
    await tab('Suggestions');
    await page.getByText('Heard 30 times this week').waitFor();
    expect(await faults()).toEqual([]);
    await picture(page, 'suggestions');
    await page.getByRole('combobox', { name: 'Name of all 30 sounds' }).fill('tap');
    await page.keyboard.press('Enter');
    await status().getByText('30 sounds named "tap".').waitFor();
    await page.getByText('Heard 30 times this week').waitFor({ state: 'detached' });
  });

  test('a sound whose neighbours carry another name is found and corrected', async () => {
    await server.store([['odd', 2, { clip: true, label: 'front door', createdAt: Date.now() }]]);
    const card = page.locator('.earmark-card').filter({ hasText: '"front door" among "tap"' });
    await card.getByRole('button', { name: 'tap', exact: true }).click();
    await card.waitFor({ state: 'detached' });
    await tab('Sounds');
    await label('odd').getByText('tap').waitFor();
  });

  test('older sounds are named where they are, while new ones wait above', async () => {
    await page.getByRole('button', { name: 'All', exact: true }).click();
    await page.getByRole('button', { name: 'Show more' }).click();
    await row('door-20').scrollIntoViewIfNeeded();
    await label('door-20').getByRole('button').click();
    await page.keyboard.type('garden gate');
    await page.keyboard.press('Enter');
    await label('door-20').getByText('garden gate').waitFor();
    await server.store([['late', 1, { clip: true, createdAt: Date.now() }]]);
    await page.getByRole('button', { name: 'New: 1 sound' }).click();
    await row('late').waitFor();
    expect(await page.locator('.earmark-grid .earmark-sound').first().getAttribute('data-id')).toBe('late');
  });

  test('in the dark theme nothing is hard to read', async () => {
    await darkTheme(page, true);
    for (const name of ['Sounds', 'Map', 'Suggestions', 'Labels']) {
      await tab(name);
      await page.waitForTimeout(300);
      expect(await faults(), name).toEqual([]);
      await picture(page, `dark-${name.toLowerCase()}`);
    }
    await darkTheme(page, false);
    await tab('Sounds');
  });

  test('nothing is cut off in a narrow panel', async () => {
    await page.evaluate(() => {
      document.querySelector<HTMLElement>('.earmark-sounds')!.style.width = '180px';
    });
    for (const name of ['Sounds', 'Map', 'Suggestions', 'Labels']) {
      await tab(name);
      const wide = await page
        .locator('.earmark-panel:not([hidden]) *:visible')
        .evaluateAll((all) =>
          all
            .filter(
              (element) =>
                !element.closest('.earmark-hidden') &&
                element.getBoundingClientRect().right >
                  document.querySelector('.earmark-sounds')!.getBoundingClientRect().right + 1,
            )
            .map((element) => element.outerHTML.slice(0, 80)),
        );
      expect(wide, name).toEqual([]);
    }
    await page.evaluate(() => {
      document.querySelector<HTMLElement>('.earmark-sounds')!.style.width = '';
    });
  });

  test('every text on the page comes from the catalogue', async () => {
    const untranslated = await page
      .locator('.earmark-sounds')
      .evaluate((root) => root.innerHTML.match(/earmark-node-red[^<"]*|\/earmark-sounds:[^<"]*/g));
    expect(untranslated).toBeNull();
  });
});
