import type { Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { darkTheme, seriousFaults } from './accessibility.ts';
import { noBrowser } from './editor.ts';
import { dotColour, picture, pointsOf, SidebarServer } from './sidebar-page.ts';

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
  const map = () => page.locator('.earmark-map canvas').first();
  const legendColour = (name: string) =>
    dotColour(page.locator('.earmark-legend li', { hasText: new RegExp(`^${name} `) }));

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

  test('is said not to be what it is like, or named background noise, by one click or key', async () => {
    const undo = async (action: string) => {
      await page.getByRole('button', { name: `Undo: ${action}` }).click();
      await label('ring-2').getByText('name it').waitFor();
    };
    await row('ring-2')
      .getByRole('button', { name: /^Not doorbell/ })
      .click();
    await status().getByText('Not "doorbell": 1 sound.').waitFor();
    await row('ring-2').getByText('not doorbell').waitFor();
    await row('ring-2')
      .getByRole('button', { name: /^Background noise/ })
      .click();
    await label('ring-2').getByText('background noise').waitFor();
    expect(await faults()).toEqual([]);
    const search = page.getByRole('searchbox', { name: 'Search sounds' });
    await search.fill('label:background');
    await row('ring-1').waitFor({ state: 'detached' });
    await label('ring-2').getByText('background noise').waitFor();
    await search.fill('');
    await row('ring-1').waitFor();
    await undo('name 1 sound "background noise"');
    await undo('mark 1 sound as not "doorbell"');

    await row('ring-2')
      .getByRole('button', { name: /^Not doorbell/ })
      .waitFor();
    await row('ring-2').focus();
    await page.keyboard.press('n');
    await row('ring-2').getByText('not doorbell').waitFor();
    await page.keyboard.press('b');
    await label('ring-2').getByText('background noise').waitFor();
    await page.keyboard.press('Control+z');
    await label('ring-2').getByText('name it').waitFor();
    await page.keyboard.press('Control+z');
    await row('ring-2').getByText('not doorbell').waitFor({ state: 'hidden' });

    for (const id of ['ring-1', 'ring-2']) await row(id).getByRole('checkbox').click();
    await page.getByRole('button', { name: 'not doorbell', exact: true }).click();
    await label('ring-1').getByText('name it').waitFor();
    await page.getByRole('button', { name: 'Undo: mark 2 sounds as not "doorbell"' }).click();
    await label('ring-1').getByText('doorbell').waitFor();
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

  test('the map shows every sound, and the one under the pointer is heard until that is turned off', async () => {
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
        // Enough of each to be a group of its own.
        ...Array.from(
          { length: 40 },
          (_, i) =>
            [
              `older-${i}`,
              i % 2,
              { clip: true, label: i % 2 ? 'tea kettle' : 'doorbell', createdAt: now - 10_800_000 - i },
            ] as const,
        ),
      ].map(([id, kind, options]) => [id, kind, options]),
    );
    await tab('Map');
    await page.locator('.earmark-map-status').getByText('105 sounds').waitFor();
    await page.getByText('Rest the pointer on a point').waitFor();
    await page.locator('.earmark-legend').getByText('no name 30').waitFor();
    const shown = page.locator('.earmark-map-card .earmark-sound-label');
    const hear = page.getByRole('button', { name: 'Hear sounds under the pointer' });

    const before = (await audio()).length;
    const doors = await pointsOf(map(), await legendColour('front door'));
    await page.mouse.move(doors.left, doors.leftY);
    await shown.getByText('front door').waitFor();
    await expect.poll(async () => (await audio()).length).toBe(before + 1);
    await picture(page, 'map');
    expect(await faults()).toEqual([]);

    await hear.click();
    const kettles = await pointsOf(map(), await legendColour('tea kettle'));
    await page.mouse.move(kettles.left, kettles.leftY);
    await shown.getByText('tea kettle').waitFor();
    await page.waitForTimeout(500);
    expect(await audio()).toHaveLength(before + 1);
    await hear.click();
  });

  test('what is drawn around on the map is named, and nothing else', async () => {
    await page.getByRole('button', { name: /Select by drawing/ }).click();
    const { x, y, radius } = await pointsOf(map(), await legendColour('front door'));
    const at = (turn: number) =>
      [x + (radius + 10) * Math.cos(turn), y + (radius + 10) * Math.sin(turn)] as const;
    await page.mouse.move(...at(0));
    await page.mouse.down();
    for (let turn = 0; turn < 1.9 * Math.PI; turn += 0.2) await page.mouse.move(...at(turn));
    await picture(page, 'map-lasso');
    await page.mouse.up();
    await page.getByText('Selected: 30 sounds').first().waitFor();
    await page.getByRole('combobox', { name: 'Name of all selected sounds' }).fill('garage');
    await page.keyboard.press('Enter');
    await page.locator('.earmark-legend').getByText('garage 30').waitFor();
    expect(await page.locator('.earmark-legend').getByText('front door').count()).toBe(0);
    await page.getByRole('button', { name: 'Undo: name 30 sounds "garage"' }).click();
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

  test('the colours of names follow the theme at once, in the list, the labels and the map', async () => {
    await tab('Sounds');
    const inList = () => dotColour(label('kettle-3'));
    const light = await inList();
    await darkTheme(page, true);
    const dark = await inList();
    expect(dark).not.toBe(light);
    await tab('Labels');
    expect(await dotColour(page.locator('.earmark-labels li', { hasText: 'tea kettle' }))).toBe(dark);
    await tab('Map');
    await page.locator('.earmark-legend').getByText('tea kettle').waitFor();
    expect(await legendColour('tea kettle')).toBe(dark);
    await expect.poll(async () => (await pointsOf(map(), dark)).pixels).toBeGreaterThan(0);
    await darkTheme(page, false);
    expect(await legendColour('tea kettle')).toBe(light);
    await expect.poll(async () => (await pointsOf(map(), light)).pixels).toBeGreaterThan(0);
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
